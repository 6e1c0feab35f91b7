import { type Command, Option } from 'commander';
import { connect, printJson } from './api/connect.ts';
import { API_HELP } from './api/settings.ts';
import { parseFirstMoment } from './moment.ts';
import { printable, table } from './table.ts';

const STATUSES = ['pending', 'delivered', 'failed', 'canceled'] as const;
const SHOWN = 50;

/** `payments events …`: where events go, and what became of them. */
export function addEventCommands(program: Command): void {
  const events = program
    .command('events')
    .description('See where events go and what became of them, have them sent again, try an endpoint.')
    .addHelpText(
      'after',
      `
Examples:
  $ payments events endpoints
  $ payments events deliveries --status failed
  $ payments events resend endpoint_01kar2t1h6e4zr8m0v7y3q5kdn --since 2026-01-30
  $ payments events test endpoint_01kar2t1h6e4zr8m0v7y3q5kdn
${API_HELP}`,
    );

  events
    .command('endpoints')
    .description('List where events go.')
    .option('--json', 'one JSON object a line', false)
    .action(async ({ json }: { json: boolean }) => {
      const rows: string[][] = [];
      for await (const endpoint of connect().events.endpoints({ limit: 100 })) {
        if (json) printJson(endpoint);
        const { endpoint_id, url, event_types, status, failing_since } = endpoint;
        const state = failing_since === null ? '' : `failing since ${failing_since.slice(0, 16)}`;
        rows.push([endpoint_id, status, event_types.join(' '), printable(url), state]);
      }
      if (json) return;
      if (rows.length === 0) process.stderr.write('Events go nowhere yet.\n');
      else process.stdout.write(table(['ENDPOINT', 'STATUS', 'TYPES', 'ADDRESS', ''], rows));
    });

  events
    .command('deliveries')
    .description('List what was sent, is to be sent or was given up, the latest first.')
    .option('--endpoint <id>', 'to this endpoint')
    .option('--entity <id>', 'about this refund, payment, …')
    .addOption(new Option('--status <status>', 'that are at this').choices(STATUSES))
    .option('--json', 'one JSON object a line', false)
    .action(
      async ({
        endpoint,
        entity,
        status,
        json,
      }: {
        endpoint?: string;
        entity?: string;
        status?: (typeof STATUSES)[number];
        json: boolean;
      }) => {
        const query = {
          limit: SHOWN,
          ...(endpoint === undefined ? {} : { endpoint_id: endpoint }),
          ...(entity === undefined ? {} : { entity_id: entity }),
          ...(status === undefined ? {} : { status }),
        };
        const { rows } = await connect().events.deliveries(query).page();
        if (json) {
          for (const delivery of rows) printJson(delivery);
          return;
        }
        if (rows.length === 0) process.stderr.write('There is no such delivery.\n');
        else {
          process.stdout.write(
            table(
              ['EVENT', 'TYPE', 'ABOUT', 'STATUS', 'TRIES', 'ENDPOINT', 'WHY'],
              rows.map((one) => [
                one.event_id,
                one.event_type,
                one.entity_id,
                one.status,
                String(one.attempts),
                one.endpoint_id,
                one.error?.message ?? '',
              ]),
            ),
          );
        }
      },
    );

  events
    .command('resend')
    .description('Send an event again, or everything that was given up at an endpoint since then.')
    .argument('<endpoint_id>', 'to which endpoint')
    .argument('[event_id]', 'which event')
    .option('--since <date>', 'in place of an event: a day (UTC) or a time with its zone', (text) =>
      parseFirstMoment(text),
    )
    .action(
      async (
        endpointId: string,
        eventId: string | undefined,
        { since }: { since?: Date },
        command: Command,
      ) => {
        if ((eventId === undefined) === (since === undefined)) command.error('Say which event, or --since.');
        const { events: api } = connect();
        if (eventId !== undefined) {
          await api.resend(endpointId, eventId);
          process.stdout.write(`${eventId} is sent again.\n`);
        } else if (since !== undefined) {
          const sent = await api.resendFailed(endpointId, { since: since.toISOString() });
          process.stdout.write(`${sent.events} events are sent again.\n`);
        }
      },
    );

  events
    .command('test')
    .description('Send a test event to an endpoint.')
    .argument('<endpoint_id>', 'to which endpoint')
    .action(async (endpointId: string) => {
      const { event_id } = await connect().events.test(endpointId);
      process.stdout.write(
        `${event_id} is sent. What came of it: payments events deliveries --endpoint ${endpointId}\n`,
      );
    });
}
