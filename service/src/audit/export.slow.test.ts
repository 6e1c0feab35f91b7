import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { startTestApp, type TestApp } from '../../../test/support/app.ts';

const PATH = '/v1/admin/audit/export';
/** Some 60 MB of lines: more than sockets and pipes hold on their way. */
const ROWS = 120_000;

let service: TestApp;
let authorization: string;

before(async () => {
  service = await startTestApp();
  const { access_token } = await service.issuer.mintToken({ scope: 'admin:audit.read' });
  authorization = `Bearer ${access_token}`;
  await service.pool.query(
    `INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
     SELECT timestamptz '2026-01-01Z' + n * interval '1 second', 'system', 'stripe', 'default', 'refund.succeeded', 'refund',
            'refund_' || n, jsonb_build_object('n', n, 'filling', repeat('x', 300))
     FROM generate_series(1, $1::int) AS n`,
    [ROWS],
  );
});
after(() => service[Symbol.asyncDispose]());

const ask = (signal?: AbortSignal) =>
  fetch(`${service.url}${PATH}?event_type=refund.succeeded`, {
    headers: { authorization },
    ...(signal === undefined ? {} : { signal }),
  });

/** How many connections hold a snapshot of an export open. */
async function open(): Promise<number> {
  const { rows } = await service.pool.query(
    `SELECT count(*) AS n FROM pg_stat_activity
     WHERE datname = current_database() AND query LIKE 'FETCH%'`,
  );
  return rows[0].n;
}

/** Asks for an export and does not read on. */
async function askAndStall(): Promise<Socket> {
  const socket = connect(service.port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(
    `GET ${PATH}?event_type=refund.succeeded HTTP/1.1\r\nHost: payments\r\nAuthorization: ${authorization}\r\n\r\n`,
  );
  await new Promise((resolve) => socket.once('readable', resolve));
  return socket;
}

test('an export is what was there at one moment: what is written meanwhile is not in it', async () => {
  const response = await ask();
  const lines: string[] = [];
  let rest = '';
  for await (const chunk of response.body ?? assert.fail()) {
    if (lines.length === 0) {
      await service.pool.query(
        `INSERT INTO audit_log (occurred_at, actor_type, actor_id, brand_id, event_type, entity_type, entity_id, details)
         VALUES (timestamptz '2026-06-01Z', 'system', 'stripe', 'default', 'refund.succeeded', 'refund', 'refund_later', '{}')`,
      );
    }
    const parts = (rest + Buffer.from(chunk).toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  }
  assert.equal(rest, '');
  assert.equal(lines.length, ROWS);
  assert.ok(!lines.some((line) => line.includes('refund_later')));
  assert.equal((JSON.parse(lines.at(-1) ?? '') as { entity_id: string }).entity_id, `refund_${ROWS}`);
});

test('for a reader who does not read nothing is read ahead; a third export is refused until one of two has ended', async () => {
  const stalled = await Promise.all([askAndStall(), askAndStall()]);
  while ((await open()) < 2);
  const refused = await ask();
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '30']);
  // Longer than it takes to read all of it, which would end the snapshots.
  for (const until = performance.now() + 5_000; performance.now() < until; ) assert.equal(await open(), 2);
  for (const socket of stalled) socket.destroy();
  while ((await open()) > 0);
  const again = new AbortController();
  for (;;) {
    const response = await ask(again.signal);
    if (response.status === 200) break;
    await response.text();
  }
  again.abort();
  while ((await open()) > 0);
});

test('a reader who does not read on is cut off, and its connection to the database given back', async () => {
  const stalled = await askAndStall();
  while ((await open()) === 0);
  const began = performance.now();
  while ((await open()) > 0);
  assert.ok(performance.now() - began > 10_000, 'nobody is cut off at once');
  while (!/"msg":"an export was cut off"/.test(service.logged())) await new Promise(setImmediate);
  stalled.destroy();
});

test('stopping the service does not wait for an export that nobody reads, and leaves it visibly cut off', async () => {
  await using other = await startTestApp({ beside: service });
  const response = await fetch(`${other.url}${PATH}`, { headers: { authorization } });
  assert.equal(response.status, 200);
  await other.app.close();
  await assert.rejects(response.text());
});
