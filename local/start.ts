import { parseArgs } from 'node:util';
import { startWorld } from './up.ts';

const HELP = `npm start [-- options]

Brings up PostgreSQL, a Stripe stand-in, an OAuth issuer and the service, fills them with sample data, and takes
everything down on Ctrl-C.

  --fresh    begin anew: forget the data of earlier starts
  --live     let the world go on living: a payment or a refund every few seconds
  --help     this text

  PORT       where the service listens (8080)
  LOCAL_DIR  where the data lives (.local)
`;

const options = readOptions();
if (options.help) {
  process.stdout.write(HELP);
} else {
  const stopping = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => stopping.resolve());
  try {
    await using _world = await startWorld({ ...options, stopping: stopping.promise });
    await stopping.promise;
    process.stdout.write('\nStopping …\n');
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
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
