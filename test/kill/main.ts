import { parseArgs } from 'node:util';
import { announceServer } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import { killAgainAndAgain } from './kills.ts';

const USAGE = 'npm run kill -- [--times n] [--seed n]';

const { values } = parseArgs({ options: { times: { type: 'string' }, seed: { type: 'string' } } });
const times = Number(values.times ?? 200);
const seed = Number(values.seed ?? 1 + Math.floor(Math.random() * 1_000_000));
if (!Number.isSafeInteger(times) || times < 1 || !Number.isSafeInteger(seed) || seed < 1) {
  process.stderr.write(`--times and --seed have to be whole numbers above 0.\n${USAGE}\n`);
  process.exit(2);
}

const server = await startTestServer(undefined);
announceServer(server);
process.stdout.write(`${server.description}, seed ${seed}\n`);
try {
  const report = await killAgainAndAgain({
    times,
    seed,
    onKill(killed, answered) {
      const line = `${killed} of ${times} kills, ${answered} keys answered`;
      if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K${line}`);
      else if (killed % 20 === 0) process.stdout.write(`${line}\n`);
    },
  });
  process.stdout.write(`\n${JSON.stringify(report, null, 2)}\nNothing lost, nothing doubled.\n`);
} finally {
  await server.stop();
}
