import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { RULES } from '../../service/src/books/rules.ts';
import { type Contradiction, verifyBooks } from '../../service/src/books/verify.ts';
import { readDatabaseConfig } from '../../service/src/config.ts';
import { withBooks } from './database.ts';
import { interruptible } from './interrupt.ts';

/** `payments verify`: holds the books to their rules. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .description(
      'Hold the books to all their rules: every counter from the history, every transition, every key. Only reads; can run beside the service.',
    )
    .option('--json', 'no progress; one JSON object at the end', false)
    .addHelpText(
      'after',
      `
Examples:
  $ payments verify
  $ payments verify --json | jq '.contradictions[].rule'

Settings: DATABASE_URL.
Exit codes: 0 all rules hold · 1 some are broken (they are listed), or it failed · 2 called wrongly, or a setting is missing or wrong · 130 stopped`,
    )
    .action(async ({ json }: { json: boolean }) => {
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
        const contradictions = await interruptible((signal) =>
          withBooks(options, (pool) =>
            verifyBooks(pool, { signal, onProgress: (done, _all, rule) => bar?.update(done, rule ?? '') }),
          ),
        );
        bar?.stop();
        process.stdout.write(
          json ? `${JSON.stringify({ rules: RULES.length, contradictions })}\n` : tell(contradictions),
        );
        process.exitCode = contradictions.length === 0 ? 0 : 1;
      } catch (error) {
        if (!(error instanceof DOMException && error.name === 'AbortError')) throw error;
        process.stderr.write('Stopped before all rules were looked at.\n');
        process.exitCode = 130;
      } finally {
        bar?.stop();
      }
    });
}

/** A bar on a terminal, nothing elsewhere. */
function createBar(stream: NodeJS.WriteStream) {
  if (!stream.isTTY) return undefined;
  const bar = new SingleBar({
    stream,
    format: '{bar} {value}/{total} | {rule}',
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    // Ctrl-C ends the statement under way; the bar must not end the process before.
    gracefulExit: false,
    linewrap: false,
  });
  bar.start(RULES.length, 0, { rule: '' });
  return { update: (done: number, rule: string) => bar.update(done, { rule }), stop: () => bar.stop() };
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

const describe = (example: Record<string, unknown>) =>
  Object.entries(example)
    .map(([name, value]) => `${name}=${value === null ? '-' : String(value)}`)
    .join('  ');
