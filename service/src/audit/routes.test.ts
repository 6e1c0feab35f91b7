import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApp, type TestApp } from '../../../test/support/app.ts';
import { readDeclared } from '../../../test/support/declared.ts';
import { makePayment } from '../../../test/support/make.ts';
import type { Queryable } from '../database/pool.ts';
import { type AuditFilters, exportQuery, type ListedEntry, listAudit } from './list.ts';

const PATH = '/v1/admin/audit';
const ROWS = 12_000;

type Entry = Omit<ListedEntry, 'occurred_at'> & { occurred_at: string };

let service: TestApp;
let token: string;

before(async () => {
  // What this test itself looks at is not yet there while it looks.
  service = await startTestApp({ readLog: { waiting_max: 100_000, every_ms: 2 ** 31 - 1 } });
  token = await tokenWith('admin:audit.read');
  // Two brands; every other row of the same moment as the one before; somebody and something rare.
  await service.pool.query(
    `INSERT INTO audit_log (occurred_at, actor_type, actor_id, client_id, brand_id, event_type, entity_type, entity_id,
                            request_id, ip_address, details)
     SELECT timestamptz '2026-01-01Z' + n / 2 * interval '1 second', 'user', CASE WHEN n % 1000 = 0 THEN 'rare' ELSE 'agent' END,
            'console', CASE WHEN n % 3 = 0 THEN 'acme' ELSE 'default' END,
            CASE WHEN n % 1000 = 1 THEN 'dispute.closed' ELSE 'refund.succeeded' END,
            CASE WHEN n % 1000 = 1 THEN 'dispute' ELSE 'refund' END, 'refund_' || n / 5, 'request_' || n / 2, '192.0.2.1',
            jsonb_build_object('n', n)
     FROM generate_series(1, $1::int) AS n`,
    [ROWS],
  );
  await service.pool.query('ANALYZE audit_log');
});
after(() => service[Symbol.asyncDispose]());

const tokenWith = async (scope: string, brand?: string) =>
  (await service.issuer.mintToken({ scope, ...(brand === undefined ? {} : { brand }) })).access_token;

const get = (path: string, headers: Record<string, string> = {}, with_token = token) =>
  fetch(`${service.url}${path}`, { headers: { authorization: `Bearer ${with_token}`, ...headers } });

async function list(query: string, headers?: Record<string, string>) {
  const response = await get(`${PATH}${query}`, headers);
  const { entries } = await readDeclared<{ entries: Entry[] }>(PATH, response);
  const [, next] = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? [];
  return { entries, next };
}

async function exported(query = '', headers?: Record<string, string>): Promise<Entry[]> {
  const response = await get(`${PATH}/export${query}`, headers);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'application/x-ndjson');
  const text = await response.text();
  return text === ''
    ? []
    : text
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => JSON.parse(line) as Entry);
}

test('a row is shown with who, what, through which client, from where, in which request, and what it was before', async () => {
  const { refundIds } = await makePayment(service.pool, { brand_id: 'shown', refunds: [{}] });
  const { entries } = await list(`?entity_id=${refundIds[0]}`, { 'x-brand-id': 'shown' });
  const [entry] = entries;
  assert.ok(entry);
  const { audit_id, occurred_at, ...rest } = entry;
  assert.ok(Number.isSafeInteger(audit_id) && !Number.isNaN(Date.parse(occurred_at)));
  assert.deepEqual(rest, {
    actor_type: 'system',
    actor_id: 'stripe',
    client_id: null,
    brand_id: 'shown',
    event_type: 'refund.imported',
    entity_type: 'refund',
    entity_id: refundIds[0],
    request_id: null,
    ip_address: null,
    details: {
      ...rest.details,
      cause: 'test',
      before: null,
      from_status: null,
      status: 'succeeded',
    },
  });
});

test('pages follow one another to the end: each row once, newest first, also those of the same moment, of one brand only', async () => {
  const seen: Entry[] = [];
  for (
    let next: string | undefined = `${PATH}?limit=100&actor_id=agent&entity_type=refund`;
    next !== undefined;
  ) {
    const page: Awaited<ReturnType<typeof list>> = await list(next.replace(PATH, ''));
    seen.push(...page.entries);
    next = page.next;
  }
  const expected = Array.from({ length: ROWS }, (_, index) => ROWS - index).filter(
    (n) => n % 3 !== 0 && n % 1000 !== 0 && n % 1000 !== 1,
  );
  assert.deepEqual(
    seen.map(({ details }) => details.n),
    expected,
  );
});

for (const [query, brand, count] of [
  ['?actor_id=rare', 'default', 8],
  ['?event_type=dispute.closed', 'default', 8],
  ['?entity_type=dispute', 'default', 8],
  ['?entity_type=dispute', 'acme', 4],
  ['?entity_id=refund_7', 'default', 3],
  ['?entity_type=dispute&entity_id=refund_7', 'default', 0],
  ['?request_id=request_7', 'default', 1],
  ['?request_id=request_7', 'acme', 1],
  ['?occurred_at_gte=2026-01-01T00:00:10Z&occurred_at_lt=2026-01-01T00:00:13Z', 'default', 4],
  ['?occurred_at_lt=2026-01-01T00:00:00Z', 'default', 0],
  ['?actor_id=nobody', 'default', 0],
] as const) {
  test(`${query} narrows the list and the export to the same ${count} rows of ${brand}`, async () => {
    const headers = { 'x-brand-id': brand };
    const { entries, next } = await list(query, headers);
    assert.equal(next, undefined);
    assert.equal(entries.length, count);
    assert.ok(entries.every(({ brand_id }) => brand_id === brand));
    assert.deepEqual(await exported(query, headers), entries.toReversed());
  });
}

test('the export has every row of the brand, oldest first, and nothing of another', async () => {
  const rows = await exported('?actor_id=agent');
  const expected = Array.from({ length: ROWS }, (_, index) => index + 1).filter(
    (n) => n % 3 !== 0 && n % 1000 !== 0,
  );
  assert.deepEqual(
    rows.map(({ details }) => details.n),
    expected,
  );
});

const FILTERS: [AuditFilters, RegExp][] = [
  [{}, /audit_log_by_time/],
  [
    { occurred_at_gte: new Date('2026-01-01T00:10:00Z'), occurred_at_lt: new Date('2026-01-01T00:11:00Z') },
    /audit_log_by_time/,
  ],
  [{ actor_id: 'rare' }, /audit_log_by_actor/],
  [{ event_type: 'dispute.closed' }, /audit_log_by_event/],
  [{ entity_type: 'dispute' }, /audit_log_by_kind/],
  [{ entity_id: 'refund_7' }, /audit_log_of_entity/],
  [{ entity_type: 'refund', entity_id: 'refund_7' }, /audit_log_of_entity/],
  [{ request_id: 'request_7' }, /audit_log_of_request/],
];

for (const [filters, index] of FILTERS) {
  const named = Object.keys(filters).join(' and ') || 'nothing';
  test(`a page, and the export, of rows filtered by ${named} are served by an index`, async () => {
    const plan = async (text: string, values: unknown[]) =>
      (await service.pool.query(`EXPLAIN ${text}`, values)).rows.map((row) => row['QUERY PLAN']).join('\n');
    const plans: string[] = [];
    const explaining = {
      async query({ text, values }: { text: string; values: unknown[] }) {
        plans.push(await plan(text, values));
        return { rows: [] };
      },
    } as unknown as Queryable;
    for (const after of [undefined, { created_at: new Date('2026-01-01T00:50:00Z'), id: '6000' }]) {
      await listAudit(explaining, 'default', filters, { after, limit: 20 });
    }
    for (const told of plans) {
      assert.match(told, index);
      // One request, and what is of one thing, is little: sorting that is nothing.
      if (filters.request_id === undefined && filters.entity_id === undefined)
        assert.doesNotMatch(told, /Sort/);
    }
    const { text, values } = exportQuery('default', filters);
    if (Object.keys(filters).length > 0) assert.match(await plan(text, values), index);
  });
}

test('it takes the scope of an auditor, and no other', async () => {
  const other = await tokenWith('admin:refunds admin:payments admin:disputes admin:webhooks');
  for (const path of [PATH, `${PATH}/export`]) {
    assert.equal((await get(path, {}, other)).status, 403);
    const bound = await tokenWith('admin:audit.read', 'acme');
    assert.equal((await get(path, { 'x-brand-id': 'default' }, bound)).status, 403);
    assert.equal((await get(path, { 'x-brand-id': 'acme' }, bound)).status, 200);
  }
});

test('what is asked wrongly is refused with the name of the parameter, also where an answer would be streamed', async () => {
  for (const path of [PATH, `${PATH}/export`]) {
    for (const [query, field] of [
      ['?occurred_at_gte=yesterday', 'occurred_at_gte'],
      ['?occurred_at_lt=2026-06-30T23:59:60Z', 'occurred_at_lt'],
      ['?actor=agent', 'actor'],
      ['?actor_id=', 'actor_id'],
      ['?actor_id=a&actor_id=b', 'actor_id'],
      [path === PATH ? '?limit=0' : '?limit=5', 'limit'],
      ['?cursor=AAAA', 'cursor'],
    ] as const) {
      const response = await get(`${path}${query}`);
      const body = await readDeclared<{ error: string; field: string }>(path, response);
      assert.deepEqual([response.status, body.error, body.field], [400, 'validation_error', field], query);
    }
  }
});

test('looking at the audit log is in the audit log', async () => {
  await using app = await startTestApp({ readLog: { waiting_max: 100, every_ms: 5 } });
  const { access_token } = await app.issuer.mintToken({ scope: 'admin:audit.read' });
  const headers = { authorization: `Bearer ${access_token}` };
  await fetch(`${app.url}${PATH}?actor_id=agent`, { headers });
  await (await fetch(`${app.url}${PATH}/export?event_type=refund.failed`, { headers })).text();
  await app.app.close();
  const { rows } = await app.pool.query(
    'SELECT event_type, entity_type, entity_id, details FROM audit_log ORDER BY audit_id',
  );
  assert.deepEqual(rows, [
    {
      event_type: 'audit.listed',
      entity_type: 'audit',
      entity_id: '*',
      details: { status: 200, filters: { actor_id: 'agent' }, rows: 0 },
    },
    {
      event_type: 'audit.exported',
      entity_type: 'audit',
      entity_id: '*',
      details: { status: 200, filters: { event_type: 'refund.failed' } },
    },
  ]);
});
