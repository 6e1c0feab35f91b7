import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isUp, makeWorldFolder } from './support/local-world.ts';
import { runProgram } from './support/program.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const START = 'npm install && npm start';

/** What a guide has its reader paste into a shell, one block after another. */
const blocksOf = (guide: string) =>
  [...readFileSync(join(root, 'docs/guides', guide), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
    ([, block = '']) => block.trim(),
  );

test('what the guides for newcomers have them paste runs, from the first block to the last', async (t) => {
  await using folder = await makeWorldFolder();
  await using start = folder.start();
  await isUp(start);
  const { SERVICE_URL = '' } = await folder.env();
  /** The blocks in one shell, as a reader would have it; it stops at the first that fails. */
  const follow = async (blocks: string[]) => {
    const script = blocks.join('\n').replaceAll('http://127.0.0.1:8080', SERVICE_URL);
    const { code, stdout, stderr } = await runProgram('bash', ['-euo', 'pipefail', '-c', script], {
      LOCAL_DIR: folder.directory,
    });
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    return stdout;
  };

  await t.test('quick-start.md: the list, one refund, and the same from the command line', async () => {
    const [first, ...blocks] = blocksOf('quick-start.md');
    assert.equal(first, START);
    assert.ok(blocks.length >= 4);
    const said = await follow(blocks);
    assert.match(said, /^HTTP\/1\.1 200 /);
    assert.match(said, /^link: <.*rel="next"/im);
    assert.equal(said.match(/"refunds":\[\{"refund_id"/g)?.length, 3, said);
    assert.match(said, /"timeline":\[\{/);
    assert.doesNotMatch(said, /"error":/);
  });

  await t.test('first-refund.md: one refund for one key, and a second from the terminal', async () => {
    const said = await follow([...blocksOf('first-refund.md'), refundsOfPayment]);
    const answers = [...said.matchAll(/"refund_id":"(refund_\w+)"[^{}]*"amount_cents":100[,}]/g)];
    assert.ok(answers.length >= 2, said);
    assert.equal(new Set(answers.map(([, id]) => id)).size, 1, said);
    const { refunds } = JSON.parse(said.trim().split('\n').at(-1) ?? '') as {
      refunds: { amount_cents: number }[];
    };
    assert.deepEqual(refunds.map(({ amount_cents }) => amount_cents).sort(), [100, 200]);
  });
});

const refundsOfPayment =
  'echo; curl -sS -H "Authorization: Bearer $ACCESS_TOKEN" "http://127.0.0.1:8080/v1/admin/refunds?payment_id=$PAYMENT_ID"';
