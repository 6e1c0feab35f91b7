import { parseArgs } from 'node:util';
import { announceServer } from '../support/database.ts';
import { startTestServer } from '../support/server.ts';
import { crowd, describeCrowd } from './crowd.ts';

const USAGE = 'npm run crowd -- [--idle n] [--slow n] [--seconds n]';

const { values } = parseArgs({
  options: {
    idle: { type: 'string', default: '10000' },
    slow: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '40' },
  },
});
const [idle = 0, slow = 0, measured_s = 0] = [values.idle, values.slow, values.seconds].map(Number);
if (![idle, slow, measured_s].every((number) => Number.isSafeInteger(number) && number > 0)) {
  process.stderr.write(`--idle, --slow and --seconds have to be whole numbers above 0.\n${USAGE}\n`);
  process.exit(2);
}

const server = await startTestServer(undefined);
announceServer(server);
process.stdout.write(`${server.description}; this takes ${2 * measured_s + 20} s\n`);
try {
  const report = await crowd({ idle, slow, measured_s });
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n${describeCrowd(report)}\n`);
} finally {
  await server.stop();
}
