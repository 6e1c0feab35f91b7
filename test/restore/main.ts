import { parseArgs } from 'node:util';
import { rehearse } from './rehearse.ts';

const USAGE = 'npm run rehearse-restore -- [--payments n]';

const { values } = parseArgs({ options: { payments: { type: 'string' } } });
const payments = Number(values.payments ?? 500);
if (!Number.isSafeInteger(payments) || payments < 10) {
  process.stderr.write(`--payments has to be a whole number from 10 on.\n${USAGE}\n`);
  process.exit(2);
}

const report = await rehearse({ payments, onProgress: (sentence) => process.stdout.write(`${sentence}\n`) });
process.stdout.write(
  `${JSON.stringify(report, null, 2)}\nThe books came back twice, and no refund was paid a second time.\n`,
);
