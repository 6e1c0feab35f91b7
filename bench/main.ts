import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { measureConsole } from './console.ts';
import { measureHot } from './hot.ts';
import { measureIssuing } from './issuing.ts';
import { measureRecovery } from './recovery.ts';
import { consoleTable, hotTable, issuingTable, recoveryTable, webhooksTable } from './tables.ts';
import { measureWebhooks } from './webhooks.ts';

const HELP = `npm run bench [-- issuing | hot | recovery | webhooks | console …] [-- options]

Measures the service as a user would run it, with a durable PostgreSQL, the Stripe stand-in and the callers on this machine.
Without a name: everything, which takes about twenty minutes.

  --json          the figures as JSON
  --seconds <n>   how long each load of issuing and hot is measured (15)
  --unknown <n>   unknown outcomes to recover (1000)
  --events <n>    how long the queue of webhooks is (100000)
  --refunds <n>   how many refunds there are for the console (100000)
  --help          this text
`;

interface Sizes {
  measured_s: number;
  unknown: number;
  events: number;
  refunds: number;
}

const onProgress = (sentence: string) => {
  process.stderr.write(`  ${sentence}\n`);
};
const load = { payments: 2_000, warm_up_s: 3, onProgress };

/** Each returns its figures, and how they read. */
const MEASUREMENTS = {
  async issuing({ measured_s }: Sizes) {
    const figures = await measureIssuing({ ...load, measured_s, callers: [16, 32, 64] });
    return { figures, text: issuingTable(figures) };
  },
  async hot({ measured_s }: Sizes) {
    const figures = await measureHot({ ...load, measured_s, others: 16, crowd: 64 });
    return { figures, text: hotTable(figures) };
  },
  async recovery({ unknown }: Sizes) {
    const figures = await measureRecovery({ payments: 1_000, unknown, onProgress });
    return { figures, text: recoveryTable(figures) };
  },
  async webhooks({ events }: Sizes) {
    const figures = await measureWebhooks({ events, onProgress });
    return { figures, text: webhooksTable(figures) };
  },
  async console({ refunds }: Sizes) {
    const figures = await measureConsole({ refunds, times: 10, onProgress });
    return { figures, text: consoleTable(figures) };
  },
};
type Name = keyof typeof MEASUREMENTS;
const NAMES = Object.keys(MEASUREMENTS) as Name[];

const { names, sizes, json } = readArguments();
const machine = describeMachine();
const figures: Partial<Record<Name, unknown>> = {};
if (!json) process.stdout.write(`${machine}\n`);
for (const name of names) {
  process.stderr.write(`${name}\n`);
  const measured = await MEASUREMENTS[name](sizes);
  figures[name] = measured.figures;
  if (!json) process.stdout.write(`\n${measured.text}\n`);
}
if (json) process.stdout.write(`${JSON.stringify({ machine, ...figures }, null, 2)}\n`);

function describeMachine(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const memory_gb = Math.round(totalmem() / 2 ** 30);
  const model = cpus()[0]?.model ?? 'unknown processor';
  return `payments ${version}, Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores (${model}), ${memory_gb} GB`;
}

function readArguments(): { names: Name[]; sizes: Sizes; json: boolean } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        seconds: { type: 'string', default: '15' },
        unknown: { type: 'string', default: '1000' },
        events: { type: 'string', default: '100000' },
        refunds: { type: 'string', default: '100000' },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      process.exit(0);
    }
    const names = positionals.map((word) => {
      const name = NAMES.find((one) => one === word);
      if (name === undefined) throw new Error(`There is no measurement named ${word}.`);
      return name;
    });
    const sizes = {
      measured_s: whole('seconds', values.seconds, 1),
      unknown: whole('unknown', values.unknown, 1),
      events: whole('events', values.events, 100),
      refunds: whole('refunds', values.refunds, 1_000),
    };
    return { names: names.length === 0 ? NAMES : names, sizes, json: values.json };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

function whole(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!/^\d{1,7}$/.test(text) || number < least)
    throw new Error(`--${name} has to be a whole number, ${least} or more.`);
  return number;
}
