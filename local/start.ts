import { parseArgs } from 'node:util';
import { startWorld } from './up.ts';

const HELP = `npm start [-- options]

Brings up PostgreSQL, a Stripe stand-in, an OAuth issuer and the service, fills them with sample data, and takes
everything down on Ctrl-C.

  --fresh    begin anew: forget the data of earlier starts
  --live     let the world go on living: a payment or a refund every few seconds
  --help     this text

  PORT       where the service listens (8080); 0 for any free port
  LOCAL_DIR  where the data lives (.local)
`;

const options = readOptions();
if (options.help) process.stdout.write(HELP);
else process.exitCode = await start(options);

/** Returns the exit code. */
async function start({ fresh, live }: { fresh: boolean; live: boolean }): Promise<number> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const stopped = Promise.withResolvers<void>();
  // A terminal that was closed takes no more words; what is up still has to be taken down.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  // Not `once`: npm passes a Ctrl-C on that the terminal has given us already.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (signal.aborted) return;
      process.stdout.write(`${process.stdout.isTTY ? '\r\x1b[2K' : ''}\n  Stopping …\n`);
      stopping.abort(new Error('told to stop'));
      stopped.resolve();
    });
  }
  try {
    await using world = await startWorld({ fresh, live, signal });
    const lastWords = await Promise.race([stopped.promise, world.service.ended]);
    if (lastWords !== undefined && !signal.aborted) throw new Error(`The service has ended:\n${lastWords}`);
  } catch (error) {
    if (error !== signal.reason) {
      process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
      return 1;
    }
  }
  process.stdout.write('  Stopped. The data stays; the next start goes on from here.\n');
  return 0;
}

function readOptions(): { fresh: boolean; live: boolean; help: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        fresh: { type: 'boolean', default: false },
        live: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}
