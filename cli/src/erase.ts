import { createInterface } from 'node:readline/promises';
import { SingleBar } from 'cli-progress';
import { type Command, InvalidArgumentError } from 'commander';
import { readDatabaseConfig } from '../../service/src/config.ts';
import {
  type EraseProgress,
  type EraseReport,
  type EraseResult,
  eraseCustomer,
  previewErasure,
} from '../../service/src/erasure/erase.ts';
import type { Obstacle } from '../../service/src/erasure/queries.ts';
import { formatAmount } from '../../service/src/payments/money.ts';
import { withBooks } from './database.ts';
import { interruptible } from './interrupt.ts';

interface Options {
  customer: string;
  brand?: string;
  dryRun: boolean;
  yes: boolean;
  json: boolean;
}

const EXIT_CODES = { erased: 0, refused: 3, left: 3, stopped: 130 } satisfies Record<
  EraseResult['status'],
  number
>;

/** `payments erase`: takes a customer out of the books, which stay. */
export function addEraseCommand(program: Command): void {
  program
    .command('erase')
    .description(
      'Take a customer out of the books: their id, orders and subscriptions, and what people wrote of them. Amounts, statuses and Stripe’s ids stay, and nothing that Stripe says later brings back what was erased. It cannot be undone. Can be stopped, run again, and run beside the service.',
    )
    .requiredOption('--customer <id>', 'the customer, as the books call them', parseId)
    .option('--brand <id>', 'whose customer; DEFAULT_BRAND if left out', parseId)
    .option('--dry-run', 'say what would be done, and do nothing', false)
    .option('--yes', 'do not ask', false)
    .option('--json', 'no progress; one JSON object at the end', false)
    .addHelpText(
      'after',
      `
Examples:
  $ payments erase --customer customer_1 --dry-run
  $ payments erase --customer customer_1 --brand acme --yes --json

Stripe is not told: erase the customer there as well. What is kept, and why: docs/privacy.md.
Nobody is erased while a refund of theirs is under way or owed to them; which ones, is said.

Settings: DATABASE_URL, DEFAULT_BRAND.
Exit codes: 0 erased, or said what would be · 1 failed, or there is no such customer · 2 called wrongly, or a setting is missing or wrong · 3 refunds are in the way (they are listed) · 130 stopped; the same command goes on`,
    )
    .action(async ({ customer, brand, dryRun, yes, json }: Options) => {
      const { database_url, default_brand } = readDatabaseConfig(process.env);
      const command = { brand_id: brand ?? default_brand, customer_id: customer };
      const options = {
        connectionString: database_url,
        // One holds the lock against a second erasure, one works.
        max: 3,
        applicationName: 'payments erase',
        // Keys are read from the first to the last.
        statement_timeout_ms: 0,
      };
      const say = (text: string, facts: object) =>
        process.stdout.write(json ? `${JSON.stringify(facts)}\n` : text);
      process.exitCode = await interruptible((signal) =>
        withBooks(options, async (pool) => {
          if (dryRun || !yes) {
            const preview = await previewErasure(pool, command);
            if (dryRun) {
              say(tellPreview(preview), { status: 'would_erase', ...preview });
              return preview.left.length === 0 ? 0 : EXIT_CODES.refused;
            }
            if (process.stdin.isTTY !== true) {
              process.stderr.write('It cannot be undone, and nobody can be asked here: say --yes.\n');
              return 2;
            }
            if (!(await isMeant(preview, signal))) {
              process.stdout.write('Nothing was done.\n');
              return 0;
            }
          }
          const bar = json ? undefined : showProgress(process.stderr);
          const result = await eraseCustomer(pool, command, {
            signal,
            onProgress: (progress) => bar?.update(progress),
          }).finally(() => bar?.stop());
          say(tell(result), result);
          return EXIT_CODES[result.status];
        }),
      );
    });
}

async function isMeant(preview: EraseReport, signal: AbortSignal): Promise<boolean> {
  process.stderr.write(tellPreview(preview));
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question('Erase them? It cannot be undone. [y/N] ', { signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    return false;
  } finally {
    terminal.close();
  }
}

function tellPreview(preview: EraseReport): string {
  const { brand_id, left } = preview;
  return `Of this customer the brand ${brand_id} has ${extent(preview)}.\n${left.length === 0 ? '' : obstacles(left)}`;
}

function tell(result: EraseResult): string {
  const { status, pseudonym, left } = result;
  switch (status) {
    case 'erased':
      return `Erased ${extent(result)}. The books have the customer as ${pseudonym}.\n`;
    case 'refused':
      return `Nothing was done.\n${obstacles(left)}`;
    case 'left':
      return `Erased ${extent(result)}; not all of it.\n${obstacles(left)}`;
    case 'stopped':
      return `Stopped after ${extent(result)}. The same command goes on from here.\n`;
  }
}

const extent = ({ payments, refunds, disputes, answers }: EraseReport) =>
  `${count(payments, 'payment')}, ${count(refunds, 'refund')}, ${count(disputes, 'dispute')} and ${count(answers, 'kept answer')}`;

const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;

const obstacles = (left: readonly Obstacle[]) =>
  [
    'In the way:',
    ...left.map(
      ({ refund_id, payment_id, status, owed_cents, currency }) =>
        `  ${refund_id} of ${payment_id} is ${status.replaceAll('_', ' ')}${owed_cents > 0 ? `, and ${formatAmount(owed_cents, currency)} is owed` : ''}`,
    ),
    'Let them end (approve or reject, sync, resolve), then run the same command again.',
    '',
  ].join('\n');

/** A bar on a terminal, a line at the beginning of each step elsewhere. */
function showProgress(stream: NodeJS.WriteStream) {
  if (!stream.isTTY) {
    let said: string | undefined;
    return {
      update({ step, all }: EraseProgress) {
        if (said !== step) stream.write(`Erasing ${count(all, step.slice(0, -1))}.\n`);
        said = step;
      },
      stop() {},
    };
  }
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} {step}',
    barsize: 30,
    hideCursor: true,
    // Ctrl-C ends it after the payment under way; the bar must not end the process before.
    gracefulExit: false,
    linewrap: false,
  });
  bar.start(1, 0, { step: '' });
  return {
    update({ step, done, all }: EraseProgress) {
      bar.setTotal(Math.max(1, all));
      bar.update(done, { step });
    },
    stop: () => bar.stop(),
  };
}

/** As long as a customer's id or a brand's can be. */
const LONGEST = 1_000;

function parseId(text: string): string {
  const id = text.trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what no id has.
  if (id === '' || Buffer.byteLength(id) > LONGEST || /[\u0000-\u001f\u007f-\u009f]/.test(id))
    throw new InvalidArgumentError(`It has to be 1 to ${LONGEST} bytes of text.`);
  if (/^(erased_[0-9a-z]{26}|customer:[0-9a-f]{32})$/.test(id))
    throw new InvalidArgumentError('That stands in place of a customer’s id; the id itself is needed.');
  return id;
}
