import { parseArgs } from 'node:util';
import { announceServer } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import { fuzz } from './fuzz.ts';

const USAGE = 'npm run fuzz -- [--requests n] [--seed n]';

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '50000' }, seed: { type: 'string' } },
});
const requests = Number(values.requests);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!Number.isSafeInteger(requests) || requests <= 0 || !Number.isSafeInteger(seed)) {
  process.stderr.write(`--requests has to be a whole number above 0, --seed a whole number.\n${USAGE}\n`);
  process.exit(2);
}

const server = await startTestServer(undefined);
announceServer(server);
process.stdout.write(`${server.description}, ${requests} requests, --seed ${seed}\n`);
try {
  const started = performance.now();
  let next = requests / 10;
  const report = await fuzz({
    requests,
    seed,
    onProgress(done) {
      if (done < next) return;
      process.stdout.write(
        `${done} of ${requests}, ${Math.round((performance.now() - started) / 1_000)} s\n`,
      );
      next += requests / 10;
    },
  });
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
} finally {
  await server.stop();
}
