import { SingleBar } from 'cli-progress';
import { type Command, InvalidArgumentError } from 'commander';
import { type AuditReport, verifyAudit } from '../../service/src/audit/verify.ts';
import { RULES } from '../../service/src/books/rules.ts';
import { type Contradiction, verifyBooks } from '../../service/src/books/verify.ts';
import { readDatabaseConfig } from '../../service/src/config.ts';
import type { Pool } from '../../service/src/database/pool.ts';
import { withBooks } from './database.ts';
import { interruptible } from './interrupt.ts';

interface Options {
  audit: boolean;
  seal: string[];
  json: boolean;
}

/** `payments verify`: holds the books to their rules, or the audit log against its seals. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .description(
      'Hold the books to all their rules: every counter from the history, every transition, every key. Only reads; can run beside the service.',
    )
    .option('--audit', 'hold the audit log against its seals instead', false)
    .option(
      '--seal <hash>',
      'with --audit: the hash of a seal that you have kept, which has to be there; may be given several times',
      collectHash,
      [],
    )
    .option('--json', 'no progress; one JSON object at the end', false)
    .addHelpText(
      'after',
      `
Examples:
  $ payments verify
  $ payments verify --json | jq '.contradictions[].rule'
  $ payments verify --audit
  $ payments verify --audit --seal 9f2c…

Settings: DATABASE_URL.
Exit codes: 0 all rules hold, or the audit log is as it was sealed · 1 not so (what is wrong is listed), or it failed · 2 called wrongly, or a setting is missing or wrong · 130 stopped`,
    )
    .action(async ({ audit, seal, json }: Options, command: Command) => {
      if (seal.length > 0 && !audit) command.error("error: option '--seal <hash>' goes with --audit");
      const { database_url } = readDatabaseConfig(process.env);
      const options = {
        connectionString: database_url,
        // One looks; the other tells it to stop.
        max: 2,
        applicationName: 'payments verify',
        statement_timeout_ms: 0,
      };
      const bar = json ? undefined : createBar(process.stderr);
      try {
        const { holds, text } = await interruptible((signal) =>
          withBooks(options, (pool) =>
            audit
              ? checkAudit(pool, { kept: seal, json, bar, signal })
              : checkBooks(pool, { json, bar, signal }),
          ),
        );
        bar?.stop();
        process.stdout.write(text);
        process.exitCode = holds ? 0 : 1;
      } catch (error) {
        if (!(error instanceof DOMException && error.name === 'AbortError')) throw error;
        process.stderr.write(`Stopped before all ${audit ? 'seals' : 'rules'} were looked at.\n`);
        process.exitCode = 130;
      } finally {
        bar?.stop();
      }
    });
}

interface Check {
  json: boolean;
  bar: Bar | undefined;
  signal: AbortSignal;
}

interface Verdict {
  holds: boolean;
  /** For standard output. */
  text: string;
}

async function checkBooks(pool: Pool, { json, bar, signal }: Check): Promise<Verdict> {
  const contradictions = await verifyBooks(pool, {
    signal,
    onProgress: (done, all, rule) => bar?.update(done, all, rule ?? ''),
  });
  return {
    holds: contradictions.length === 0,
    text: json ? `${JSON.stringify({ rules: RULES.length, contradictions })}\n` : tell(contradictions),
  };
}

async function checkAudit(
  pool: Pool,
  { kept, json, bar, signal }: Check & { kept: string[] },
): Promise<Verdict> {
  const report = await verifyAudit(pool, {
    kept,
    signal,
    onProgress: (done, all) => bar?.update(done, all, 'seals of the audit log'),
  });
  return {
    holds: report.found === 0,
    text: json ? `${JSON.stringify(report)}\n` : tellAudit(report, kept.length),
  };
}

function collectHash(value: string, others: string[]): string[] {
  if (!/^[0-9a-f]{64}$/i.test(value)) throw new InvalidArgumentError('It has to be 64 hexadecimal digits.');
  return [...others, value];
}

interface Bar {
  update(done: number, all: number, what: string): void;
  stop(): void;
}

/** A bar on a terminal, nothing elsewhere. */
function createBar(stream: NodeJS.WriteStream): Bar | undefined {
  if (!stream.isTTY) return undefined;
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} | {what}',
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    // Ctrl-C ends the statement under way; the bar must not end the process before.
    gracefulExit: false,
    linewrap: false,
  });
  bar.start(1, 0, { what: '' });
  return {
    update(done, all, what) {
      bar.setTotal(all);
      bar.update(done, { what });
    },
    stop: () => bar.stop(),
  };
}

function tell(contradictions: Contradiction[]): string {
  if (contradictions.length === 0) return `All ${RULES.length} rules of the books hold.\n`;
  const lines = contradictions.flatMap(({ rule, rows, examples }) => [
    `\nBroken: ${rule} (${rows} ${rows === 1 ? 'row' : 'rows'})`,
    ...examples.map((example) => `  ${describe(example)}`),
    ...(rows > examples.length ? [`  … and ${rows - examples.length} more`] : []),
  ]);
  return `${contradictions.length} of ${RULES.length} rules of the books are broken.\n${lines.join('\n')}\n`;
}

function tellAudit({ rows, seals, newest, unsealed, found, findings }: AuditReport, kept: number): string {
  const lines =
    found === 0
      ? [`The audit log is as it was sealed: ${count(rows, 'row')} under ${count(seals, 'seal')}.`]
      : [
          `The audit log is not as it was sealed: ${count(found, 'finding')} among ${count(rows, 'row')} and ${count(seals, 'seal')}.`,
          '',
          ...findings.map(({ sentence }) => `  ${sentence}`),
          ...(found > findings.length ? [`  … and ${found - findings.length} more`] : []),
          '',
        ];
  if (found === 0 && kept > 0)
    lines.push(
      `The ${kept === 1 ? 'seal' : 'seals'} that you have kept ${kept === 1 ? 'is' : 'are'} in the chain.`,
    );
  if (newest !== null) {
    lines.push(
      `Newest seal: ${newest.seal_id}, up to row ${newest.until_id}, of ${newest.sealed_at.toISOString()}:`,
      `  ${newest.hash}`,
      'Keep it elsewhere: --seal with it proves later that nothing before it was cut off or made anew.',
    );
  }
  if (unsealed.oldest_at !== null) {
    lines.push(
      `Not sealed yet: ${count(unsealed.rows, 'row')}, the oldest of ${unsealed.oldest_at.toISOString()}. A worker seals them within seconds.`,
    );
  }
  return `${lines.join('\n')}\n`;
}

const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`;

const describe = (example: Record<string, unknown>) =>
  Object.entries(example)
    .map(([name, value]) => `${name}=${value === null ? '-' : String(value)}`)
    .join('  ');
