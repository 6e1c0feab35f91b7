import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startIssuer } from '../local/issuer/start.ts';
import { openSample } from '../local/sample/sample.ts';
import { startStripe } from '../local/stripe/server.ts';
import { TEST_KEY } from '../local/stripe/testing.ts';
import { until } from '../service/src/stripe/test-world.ts';
import { createTestDatabase, execute } from './support/database.ts';
import { residentMemory } from './support/memory.ts';
import { runProgram } from './support/program.ts';
import { Service, settingsOf } from './support/service.ts';

const LIMIT_MB = 200;
const CALLS = 10_000;
const AT_ONCE = 20;
const SECRET = 'whsec_of_the_memory_test';

test(`the service holds less than ${LIMIT_MB} MB after the sample has come in and ${CALLS} lists have gone out`, async (t) => {
  if (residentMemory(process.pid) === undefined) {
    t.skip('This system does not say how much memory a process holds.');
    return;
  }
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY });
  stack.defer(() => standIn.close());
  const settings = {
    ...settingsOf({ databaseUrl: database.url, standIn, issuer, webhookSecret: SECRET }),
    RATE_LIMIT_READS_PER_MINUTE: '1000000',
  };
  const service = stack.use(new Service(settings));
  const url = await service.ready();
  const idle = residentMemory(service.pid);

  const webhooks = { url: `${url}/v1/webhooks/stripe`, secret: SECRET };
  const since = openSample(standIn.world).make(1, Date.now(), webhooks);
  const backfill = await runProgram(
    process.execPath,
    ['cli/src/main.ts', 'backfill', '--since', since, '--json'],
    settings,
  );
  assert.equal(backfill.code, 0, backfill.stderr);
  await standIn.deliverer.idle();
  await until(async () => {
    const { rows } = await execute(
      database.url,
      `SELECT 1 FROM stripe_events WHERE status = 'received' LIMIT 1`,
    );
    return rows.length === 0;
  });
  const filled = residentMemory(service.pid);

  const { rows } = await execute(database.url, 'SELECT DISTINCT customer_id FROM refunds');
  const customers = rows.map(({ customer_id }) => `customer_id=${encodeURIComponent(customer_id)}`);
  const queries = ['limit=100', 'limit=20&status=succeeded', ...customers];
  const { access_token } = await issuer.mintToken({ scope: 'admin:refunds.read' });
  let asked = 0;
  const ask = async () => {
    while (asked < CALLS) {
      const query = queries[asked % queries.length];
      asked += 1;
      const response = await fetch(`${url}/v1/admin/refunds?${query}`, {
        headers: { authorization: `Bearer ${access_token}` },
      });
      assert.equal(response.status, 200);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  const after = residentMemory(service.pid);
  t.diagnostic(
    `resident: ${mb(idle?.now)} when ready, ${mb(filled?.now)} after the sample, ${mb(after?.now)} after ${asked} lists, ${mb(after?.peak)} at the most`,
  );
  assert.ok(Number(after?.now) < LIMIT_MB, mb(after?.now));
  assert.equal(await service.stop(), 0);
});

const mb = (amount: number | undefined) => `${amount?.toFixed(0)} MB`;
