import { type Command, InvalidArgumentError, Option } from 'commander';
import { readDatabaseConfig } from '../../service/src/config.ts';
import {
  countEvents,
  EVENT_STATUSES,
  type EventJob,
  findAll,
  listInbox,
  type OperatorDeps,
  retryEvents,
  retryStatus,
  type ShownEvent,
  shelveEvents,
  showEvent,
} from '../../service/src/stripe/shelf.ts';
import { confirm } from './ask.ts';
import { withBooks } from './database.ts';
import { facts, printable, table } from './table.ts';

const CONNECTIONS = 2;
const LIMIT = 50;
const LIMIT_MAX = 10_000;
const NOTE_MAX = 500;

const SETTINGS = `
Settings: DATABASE_URL, DEFAULT_BRAND (under which what is done here is in the audit log).
Exit codes: 0 done · 1 failed, or there is no such event · 2 called wrongly, or a setting is missing or wrong`;

/** `payments inbox`: see the events that Stripe has told of, have them worked on again, put them on the shelf. */
export function addInboxCommand(program: Command): void {
  const inbox = program
    .command('inbox')
    .description('See what Stripe has told of, have it asked about again, or put it on the shelf.')
    .addHelpText(
      'after',
      `
Examples:
  $ payments inbox
  $ payments inbox list --status failed --json | jq -r .stripe_event_id
  $ payments inbox show evt_3PgafyB7WZ01zgkW0sjxsAJo
  $ payments inbox retry --status failed
  $ payments inbox shelve evt_3PgafyB7WZ01zgkW0sjxsAJo --note 'of the shop that was sold'
${SETTINGS}`,
    );
  const statusOption = (choices: readonly string[], description: string) =>
    new Option('--status <status>', description).choices(choices);

  inbox
    .command('list', { isDefault: true })
    .description(
      'List events, newest first: those that wait, have failed or are on the shelf, or of one status.',
    )
    .addOption(statusOption(EVENT_STATUSES, 'only these'))
    .option('--limit <n>', `at most so many (1 to ${LIMIT_MAX})`, parseLimit, LIMIT)
    .option('--json', 'one JSON object a line', false)
    .addHelpText('after', SETTINGS)
    .action((options: { status?: ShownEvent['status']; limit: number; json: boolean }) =>
      work(async ({ pool }) => {
        const events = await listInbox(pool, { status: options.status, limit: options.limit });
        process.stdout.write(
          options.json
            ? events.map((event) => `${JSON.stringify(withoutNoise(event))}\n`).join('')
            : listOf(events, options),
        );
        return 0;
      }),
    );

  inbox
    .command('show')
    .description('Show one event with all that is kept of it, and its job.')
    .argument('<id>', "ours (event_…) or Stripe's (evt_…)")
    .option('--json', 'one JSON object', false)
    .addHelpText('after', SETTINGS)
    .action((id: string, { json }: { json: boolean }) =>
      work(async ({ pool }) => {
        const shown = await showEvent(pool, id);
        if (shown === undefined) return refuse([id]);
        const { event, job } = shown;
        process.stdout.write(
          json ? `${JSON.stringify({ ...withoutNoise(event), job })}\n` : describe(event, job),
        );
        return 0;
      }),
    );

  inbox
    .command('retry')
    .description(
      'Have workers ask Stripe about events again, whatever has become of them. Nothing is done twice.',
    )
    .argument('[id...]', "ours (event_…) or Stripe's (evt_…)")
    .addOption(statusOption(['failed', 'unmatched'], 'all of these in place of ids'))
    .option('--yes', 'do not ask', false)
    .addHelpText('after', SETTINGS)
    .action((ids: string[], { status, yes }: { status?: 'failed' | 'unmatched'; yes: boolean }) =>
      work(async (deps) => {
        if (ids.length > 0 === (status !== undefined))
          return complain('Say which: ids, or --status failed, or --status unmatched.');
        if (status !== undefined) return await retryAll(deps, status, yes);
        const { events, unknown } = await findAll(deps.pool, ids);
        if (unknown.length > 0) return refuse(unknown);
        const retried = await retryEvents(
          deps,
          events.map(({ event_id }) => event_id),
        );
        process.stdout.write(`${count(retried)} will be asked about again.\n`);
        return 0;
      }),
    );

  inbox
    .command('shelve')
    .description('Put events that have failed or are stuck on the shelf: nobody asks about them again.')
    .argument('<id...>', "ours (event_…) or Stripe's (evt_…)")
    .requiredOption('--note <text>', `why, for colleagues (at most ${NOTE_MAX} characters)`, parseNote)
    .addHelpText('after', SETTINGS)
    .action((ids: string[], { note }: { note: string }) =>
      work(async (deps) => {
        const { events, unknown } = await findAll(deps.pool, ids);
        if (unknown.length > 0) return refuse(unknown);
        const shelved = new Set(
          await shelveEvents(
            deps,
            events.map(({ event_id }) => event_id),
            note,
          ),
        );
        if (shelved.size > 0) process.stdout.write(`${count(shelved.size)} put on the shelf.\n`);
        const left = events.filter(({ event_id }) => !shelved.has(event_id));
        for (const { event_id, status } of left)
          process.stderr.write(`${event_id} is ${status}: only what has failed or waits can be shelved.\n`);
        return left.length === 0 ? 0 : 1;
      }),
    );
}

/** Runs a command on the database and makes what it returns the exit code. */
async function work(command: (deps: OperatorDeps) => Promise<number>): Promise<void> {
  const { database_url, default_brand } = readDatabaseConfig(process.env);
  const options = { connectionString: database_url, max: CONNECTIONS, applicationName: 'payments inbox' };
  process.exitCode = await withBooks(options, (pool) => command({ pool, default_brand }));
}

async function retryAll(deps: OperatorDeps, status: 'failed' | 'unmatched', yes: boolean): Promise<number> {
  const events = await countEvents(deps.pool, status);
  if (events === 0) {
    process.stdout.write(`No event is ${status}.\n`);
    return 0;
  }
  const code = await confirm(`Ask Stripe about ${count(events)} again?`, yes);
  if (code !== undefined) return code;
  const retried = await retryStatus(deps, status, (done) => {
    if (done < events) process.stderr.write(`${done} of ${events}\n`);
  });
  process.stdout.write(`${count(retried)} will be asked about again.\n`);
  return 0;
}

function refuse(unknown: readonly string[]): number {
  for (const id of unknown) process.stderr.write(`There is no event ${printable(id)} in the inbox.\n`);
  return 1;
}

function complain(sentence: string): number {
  process.stderr.write(`${sentence}\n`);
  return 2;
}

const count = (events: number) => (events === 1 ? '1 event' : `${events} events`);

/** What a script has no use for: an age is true for a moment only. */
function withoutNoise({ age_s: _, ...event }: ShownEvent) {
  return event;
}

const why = ({ note, error }: ShownEvent) => (note === null ? (error ?? '') : `shelved: ${note}`);
const objectOf = ({ object_type, object_id }: ShownEvent) => object_id ?? object_type ?? '–';

/** @returns e.g. `45 s`, `12 min`, `3 h`, `2 d` */
export function age(age_s: number): string {
  if (age_s < 60) return `${Math.max(0, Math.floor(age_s))} s`;
  if (age_s < 3_600) return `${Math.floor(age_s / 60)} min`;
  if (age_s < 86_400) return `${Math.floor(age_s / 3_600)} h`;
  return `${Math.floor(age_s / 86_400)} d`;
}

function listOf(
  events: readonly ShownEvent[],
  { status, limit }: { status?: string; limit: number },
): string {
  if (events.length === 0)
    return status === undefined
      ? 'Nothing waits, nothing has failed, nothing is on the shelf.\n'
      : `No event is ${status}.\n`;
  const lines = table(
    ['EVENT', 'AT STRIPE', 'TYPE', 'OBJECT', 'STATUS', 'TRIES', 'AGE', 'WHY'],
    events.map((event) => [
      event.event_id,
      event.stripe_event_id,
      event.event_type,
      objectOf(event),
      event.status,
      String(event.attempts),
      age(event.age_s),
      why(event),
    ]),
  );
  const more = events.length === limit ? `The newest ${limit}; --limit shows more.\n` : '';
  return `${lines}${more}`;
}

function describe(event: ShownEvent, job: EventJob | null): string {
  return facts([
    ['event', event.event_id],
    ['at Stripe', event.stripe_event_id],
    ['type', event.event_type],
    ['object', `${event.object_type ?? '–'} ${event.object_id ?? ''}`.trim()],
    ['mode', event.livemode ? 'live' : 'test'],
    ['account', event.stripe_account_id],
    ['status', event.status],
    ['tries', String(event.attempts)],
    ['error', event.error],
    ['note', event.note],
    ['made', event.stripe_created_at.toISOString()],
    ['received', `${event.received_at.toISOString()} (${age(event.age_s)} ago)`],
    ['ended', event.processed_at?.toISOString() ?? null],
    ['job', job === null ? null : describeJob(job)],
  ]);
}

const describeJob = ({ run_at, attempts, under_way }: EventJob) =>
  under_way ? `under way, try ${attempts}` : `due ${run_at.toISOString()}, tried ${attempts} times`;

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d{1,5}$/.test(text) || limit < 1 || limit > LIMIT_MAX)
    throw new InvalidArgumentError(`It has to be a whole number from 1 to ${LIMIT_MAX}.`);
  return limit;
}

function parseNote(text: string): string {
  const note = text.trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what a terminal must not be sent.
  if (note === '' || note.length > NOTE_MAX || /[\u0000-\u001f\u007f-\u009f]/.test(note))
    throw new InvalidArgumentError(`It has to be one line of 1 to ${NOTE_MAX} characters.`);
  return note;
}
