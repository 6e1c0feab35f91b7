import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApp, type TestApp } from '../../../test/support/app.ts';
import { readDeclared } from '../../../test/support/declared.ts';
import { makePayment } from '../../../test/support/make.ts';
import { addMany, BUSY } from '../../../test/support/many.ts';
import { addRefunds } from '../../../test/support/rows.ts';
import { exportRefunds } from './export.ts';
import type { Summary } from './summary.ts';

const SUMMARY = '/v1/admin/refunds/summary';
const INSIGHTS = '/v1/admin/refunds/insights';
const EXPORT = '/v1/admin/refunds/export';
const REFUNDS = 4_000;
const UNTIL = new Date('2026-04-15T10:00:00Z');

interface Figure {
  count: number;
  amount_cents: number;
}
interface Insights {
  period: { created_at_gte: string; created_at_lt: string; interval: string };
  totals: Figure;
  over_time: (Figure & { date: string; created_at_gte: string; created_at_lt: string })[];
  by_status: (Figure & { status: string })[];
  by_reason: (Figure & { reason_code: string })[];
  payments: Record<string, number | null>;
  settled: {
    count: number;
    median_s: number | null;
    p90_s: number | null;
    within: { less_than_s: number | null; count: number }[];
  };
  failed_late: Figure;
  owed: Figure;
}

interface Exported extends Record<string, unknown> {
  refund_id: string;
  amount_cents: number;
  currency: string;
  status: string;
  reason_code: string | null;
  owed_cents: number;
  created_at: string;
}

type Filters = Record<string, string>;

let service: TestApp;
before(async () => {
  service = await startTestApp({ readLog: { waiting_max: 10_000, every_ms: 5 } });
  await addMany(service.pool, { refunds: REFUNDS, until: UNTIL });
});
after(() => service[Symbol.asyncDispose]());

const address = (path: string, filters: Filters) => `${path}?${new URLSearchParams(filters)}`;

async function read<Body>(path: string, filters: Filters, headers = {}): Promise<Body> {
  const response = await service.get(address(path, filters), headers);
  assert.equal(response.status, 200, `${path} ${JSON.stringify(filters)}`);
  return await readDeclared<Body>(path, response);
}

async function exported(filters: Filters, headers = {}): Promise<Exported[]> {
  const text = await read<string>(EXPORT, { ...filters, format: 'ndjson' }, headers);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Exported);
}

const sumOf = (rows: readonly { amount_cents: number }[]): Figure => ({
  count: rows.length,
  amount_cents: rows.reduce((sum, row) => sum + row.amount_cents, 0),
});

/** Sums by what `of` says of a row, by currency, sorted as the summary is. */
function addUp(rows: Exported[], of: (row: Exported) => string) {
  const groups = Map.groupBy(rows, (row) => `${of(row)}\n${row.currency}`);
  return [...groups]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, some]) => {
      const [value = '', currency = ''] = key.split('\n');
      return { value, currency, ...sumOf(some) };
    });
}

const dayIn = (time_zone: string) => {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: time_zone, dateStyle: 'short' });
  return ({ created_at }: Exported) => format.format(new Date(created_at));
};

for (const filters of [
  {},
  { status: 'failed' },
  { customer_id: BUSY },
  { currency: 'gbp', amount_cents_gte: '500' },
  { reason_code: 'other' },
  { reason_code: 'none', status: 'pending' },
  { failed_late: 'true' },
  { needs_attention: 'true' },
  { created_at_gte: '2026-03-28T00:00:00Z', created_at_lt: '2026-03-31T00:00:00+05:45' },
  { payment_id: 'payment_00000008' },
  { stripe_refund_id: 'nobody knows' },
] as Filters[]) {
  for (const time_zone of ['UTC', 'America/St_Johns']) {
    test(`the summary of ${JSON.stringify(filters)} in ${time_zone} is what adding up the same refunds by hand gives`, async () => {
      const rows = await exported(filters);
      const summary = await read<Summary>(SUMMARY, { ...filters, time_zone });
      const told = {
        totals: summary.totals.map((sum) => ({ value: '', ...sum })),
        by_status: summary.by_status.map(({ status: value, ...sum }) => ({ value, ...sum })),
        by_reason: summary.by_reason.map(({ reason_code: value, ...sum }) => ({ value, ...sum })),
        by_day: summary.by_day.map(({ date: value, ...sum }) => ({ value, ...sum })),
      };
      assert.deepEqual(told, {
        totals: addUp(rows, () => ''),
        by_status: addUp(rows, ({ status }) => status),
        by_reason: addUp(rows, ({ reason_code }) => reason_code ?? 'none'),
        by_day: addUp(rows, dayIn(time_zone)),
      });
    });
  }
}

test('the refunds behind a figure of the summary are listed by its name as a filter', async () => {
  const { by_status, by_reason } = await read<Summary>(SUMMARY, {});
  assert.equal(by_status.length, 5);
  assert.equal(by_reason.length, 21);
  for (const { status, currency, count, amount_cents } of by_status)
    assert.deepEqual(sumOf(await exported({ status, currency })), { count, amount_cents });
  for (const { reason_code, currency, count, amount_cents } of by_reason)
    assert.deepEqual(sumOf(await exported({ reason_code, currency })), { count, amount_cents });
});

test('the export has every refund of the brand that the list has, in its order, and the list’s filters narrow both alike', async () => {
  await makePayment(service.pool, { brand_id: 'acme', refunds: [{}, {}, {}] });
  for (const filters of [
    {},
    { failed_late: 'false', currency: 'eur' },
    { reason: 'duplicate' },
  ] as Filters[]) {
    const ids: string[] = [];
    for (let next: string | undefined = address('/v1/admin/refunds', { ...filters, limit: '100' }); next; ) {
      const response: Response = await service.get(next);
      const { refunds } = (await response.json()) as { refunds: { refund_id: string }[] };
      ids.push(...refunds.map(({ refund_id }) => refund_id));
      next = /^<([^>]+)>/.exec(response.headers.get('link') ?? '')?.[1];
    }
    assert.deepEqual(
      (await exported(filters)).map(({ refund_id }) => refund_id),
      ids,
    );
  }
  assert.equal((await exported({})).length, REFUNDS);
  assert.equal((await exported({}, { 'x-brand-id': 'acme' })).length, 3);
});

test('an export is of one moment: what is written while it is read is not in it', async () => {
  const brand_id = 'moments';
  await addRefunds(service.pool, { brand_id, customer_id: 'somebody', count: 1_200 });
  const parts = exportRefunds(service.pool.ofBrand(brand_id), brand_id, {}, 'ndjson');
  let text = (await parts.next()).value ?? '';
  // It is the oldest, which would come last.
  await makePayment(service.pool, { brand_id, refunds: [{ created_at: new Date('2020-01-01Z') }] });
  for await (const part of parts) text += part;
  assert.equal(text.split('\n').length - 1, 1_200);
  const after = await exported({}, { 'x-brand-id': brand_id });
  assert.deepEqual([after.length, after.at(-1)?.created_at], [1_201, '2020-01-01T00:00:00.000Z']);
});

for (const format of ['csv', 'ndjson'] as const) {
  test(`an export in ${format} that was cut off goes on after the last line that came whole`, async () => {
    const brand_id = `resumed-${format}`;
    await addRefunds(service.pool, { brand_id, customer_id: 'somebody', count: 30 });
    const read = async (query = '') =>
      (
        await service.get(`/v1/admin/refunds/export?format=${format}${query}`, { 'x-brand-id': brand_id })
      ).text();
    const whole = await read();
    const lines = whole.split(/(?<=\n)/);
    const came = lines.slice(0, 12);
    const [last = ''] = /refund_r\w+/.exec(came.at(-1) ?? '') ?? [];
    assert.equal(came.join('') + (await read(`&after=${last}`)), whole);
    const [oldest = ''] = /refund_r\w+/.exec(lines.at(-1) ?? '') ?? [];
    assert.equal(await read(`&after=${oldest}`), '');
    const { status } = await service.get(`/v1/admin/refunds/export?after=${last}`, {
      'x-brand-id': 'another',
    });
    assert.equal(status, 400, 'of another brand');
  });
}

test('more reports at once than can wait are refused for a few seconds, and the others are answered', async () => {
  const client = await service.pool.connect();
  await client.query('BEGIN');
  await client.query('LOCK TABLE refunds IN ACCESS EXCLUSIVE MODE');
  const answers = Array.from({ length: 23 }, async () => {
    const response = await service.get(SUMMARY);
    await readDeclared(SUMMARY, response);
    return response;
  });
  // Those that are let in wait for the lock.
  const refused = await Promise.race(answers);
  await client.query('ROLLBACK');
  client.release();
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '5']);
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [...Array(22).fill(200), 503]);
});

for (const [accepted, packed] of [
  ['gzip', true],
  ['br, gzip;q=0.01', true],
  ['deflate, br', false],
  ['gzip;q=0, *', false],
  ['gzip;q=0.000', false],
  ['identity', false],
] as const) {
  test(`for somebody who takes ${accepted} an export is ${packed ? '' : 'not '}sent in gzip, and is the same`, async () => {
    const response = await service.get(`${EXPORT}?format=ndjson`, { 'accept-encoding': accepted });
    assert.equal(response.headers.get('content-encoding'), packed ? 'gzip' : null);
    assert.match(response.headers.get('vary') ?? '', /accept-encoding/i);
    const lines = (await response.text()).split('\n').slice(0, -1);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      await exported({}),
    );
  });
}

test('the file is CSV with a header line and a name, or NDJSON, and has nothing that a person wrote', async () => {
  const customer_id = '=cmd|calc';
  await makePayment(service.pool, {
    brand_id: 'files',
    customer_id,
    refunds: [{ reason: 'the ointment did not help', bank_reference: '742', stripe_refund_id: 're_file' }],
  });
  await service.pool.query(`UPDATE refunds SET note = 'about the rash' WHERE stripe_refund_id = 're_file'`);
  const headers = { 'x-brand-id': 'files' };
  const response = await service.get(EXPORT, headers);
  assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
  assert.match(
    response.headers.get('content-disposition') ?? '',
    /^attachment; filename="refunds-\d{8}T\d{6}Z\.csv"$/,
  );
  const csv = await readDeclared<string>(EXPORT, response);
  const [row] = await exported({}, headers);
  assert.ok(row);
  const [head = '', line = '', end] = csv.split('\r\n');
  assert.equal(end, '');
  assert.deepEqual(head.split(','), Object.keys(row));
  assert.deepEqual(
    line.split(','),
    Object.entries(row).map(([name, value]) => (name === 'customer_id' ? `'${value}` : String(value ?? ''))),
  );
  assert.equal(row.customer_id, customer_id);
  assert.equal(row.reason_code, 'other');
  for (const text of [csv, JSON.stringify(row)]) assert.doesNotMatch(text, /ointment|rash/);
  const none = await read<string>(EXPORT, {}, { 'x-brand-id': 'nobody' });
  assert.equal(none, `${head}\r\n`);
});

const DAY_ms = 86_400_000;

for (const [days, time_zone, interval] of [
  [30, 'Europe/Berlin', 'day'],
  [400, 'Asia/Kathmandu', 'week'],
] as const) {
  test(`the insights of ${days} days are, figure by figure, what the list’s filters find`, async () => {
    const created_at_lt = UNTIL.toISOString();
    const created_at_gte = new Date(UNTIL.getTime() - days * DAY_ms).toISOString();
    const filters = { currency: 'usd', created_at_gte, created_at_lt };
    const told = await read<Insights>(INSIGHTS, { ...filters, time_zone });
    assert.deepEqual(told.period, { ...filters, time_zone, interval });
    const rows = await exported(filters);
    assert.ok(rows.length > 100);
    assert.deepEqual(told.totals, sumOf(rows));
    for (const { status, ...figure } of told.by_status)
      assert.deepEqual(figure, sumOf(await exported({ ...filters, status })));
    for (const { reason_code, ...figure } of told.by_reason)
      assert.deepEqual(figure, sumOf(await exported({ ...filters, reason_code })));
    const { over_time } = told;
    assert.equal(over_time[0]?.created_at_gte, created_at_gte);
    assert.equal(over_time.at(-1)?.created_at_lt, created_at_lt);
    for (const [index, { date, count, amount_cents, ...between }] of over_time.entries()) {
      assert.deepEqual({ count, amount_cents }, sumOf(await exported({ currency: 'usd', ...between })), date);
      if (index > 0) assert.equal(between.created_at_gte, over_time[index - 1]?.created_at_lt);
    }
    for (const list of [over_time, told.by_status, told.by_reason])
      assert.equal(
        (list as Figure[]).reduce((sum, { count }) => sum + count, 0),
        rows.length,
      );
    assert.deepEqual(told.failed_late, sumOf(await exported({ ...filters, failed_late: 'true' })));
    const owed = await exported({ ...filters, needs_attention: 'true' });
    assert.deepEqual(told.owed, {
      count: owed.length,
      amount_cents: owed.reduce((sum, { owed_cents }) => sum + owed_cents, 0),
    });
    assert.ok(days === 30 || (told.failed_late.count > 0 && told.owed.count > 0));
    await assertSettled(told, filters);
    await assertShares(told, filters);
  });
}

/** How long it took, by hand. */
async function assertSettled({ settled }: Insights, { created_at_gte, created_at_lt }: Filters) {
  const { rows } = await service.pool.query<{ took_s: string }>(
    `SELECT extract(epoch FROM occurred_at - created_at) AS took_s
     FROM refunds JOIN refund_transitions USING (refund_id)
     WHERE to_status = 'succeeded' AND from_status = 'pending' AND currency = 'usd' AND refunds.brand_id = 'default'
       AND created_at >= $1 AND created_at < $2`,
    [created_at_gte, created_at_lt],
  );
  const took = rows.map(({ took_s }) => Number(took_s)).sort((one, other) => one - other);
  assert.equal(settled.count, took.length);
  const at = (share: number) => Math.round(took[Math.ceil(took.length * share) - 1] ?? Number.NaN);
  assert.deepEqual([settled.median_s, settled.p90_s], [at(0.5), at(0.9)]);
  let before = -1;
  for (const { less_than_s, count } of settled.within) {
    const end = less_than_s ?? Number.POSITIVE_INFINITY;
    assert.equal(count, took.filter((took_s) => took_s < end && took_s >= before).length);
    before = end;
  }
}

async function assertShares({ payments }: Insights, { created_at_gte, created_at_lt }: Filters) {
  const { rows } = await service.pool.query<{ captured_cents: number; refunded_cents: number }>(
    `SELECT captured_cents, refunded_cents FROM payments
     WHERE currency = 'usd' AND brand_id = 'default' AND created_at >= $1 AND created_at < $2`,
    [created_at_gte, created_at_lt],
  );
  const sum = (name: 'captured_cents' | 'refunded_cents') => rows.reduce((all, row) => all + row[name], 0);
  const refunded = rows.filter(({ refunded_cents }) => refunded_cents > 0).length;
  assert.deepEqual(payments, {
    count: rows.length,
    captured_cents: sum('captured_cents'),
    refunded_count: refunded,
    refunded_cents: sum('refunded_cents'),
    refunded_count_share: Math.round((refunded / rows.length) * 1e4) / 1e4,
    refunded_amount_share: Math.round((sum('refunded_cents') / sum('captured_cents')) * 1e4) / 1e4,
  });
}

test('the insights of nothing are zeros, and null where there is nothing to take a share or a middle of', async () => {
  const told = await read<Insights>(INSIGHTS, { currency: 'xts' });
  assert.equal(told.over_time.length >= 30, true);
  assert.ok(Math.abs(Date.parse(told.period.created_at_lt) - Date.now()) < 60_000, 'up to now');
  const nothing = { count: 0, amount_cents: 0 };
  assert.deepEqual(
    { ...told, period: 0, over_time: told.over_time.every(({ count }) => count === 0) },
    {
      period: 0,
      totals: nothing,
      over_time: true,
      by_status: [],
      by_reason: [],
      payments: {
        count: 0,
        captured_cents: 0,
        refunded_count: 0,
        refunded_cents: 0,
        refunded_count_share: null,
        refunded_amount_share: null,
      },
      settled: {
        count: 0,
        median_s: null,
        p90_s: null,
        within: told.settled.within.map(({ less_than_s }) => ({ less_than_s, count: 0 })),
      },
      failed_late: nothing,
      owed: nothing,
    },
  );
});

test('what is asked wrongly is refused with the name of the parameter', async () => {
  for (const [path, query, field] of [
    [SUMMARY, '?time_zone=Mars/Olympus', 'time_zone'],
    [SUMMARY, '?time_zone=CET', 'time_zone'],
    [SUMMARY, "?time_zone='", 'time_zone'],
    [SUMMARY, '?limit=5', 'limit'],
    [SUMMARY, '?currency=USD', 'currency'],
    [SUMMARY, '?reason_code=Too%20late', 'reason_code'],
    [INSIGHTS, '', 'currency'],
    [INSIGHTS, '?currency=usd&status=failed', 'status'],
    [
      INSIGHTS,
      '?currency=usd&created_at_gte=2026-01-02T00:00:00Z&created_at_lt=2026-01-01T00:00:00Z',
      'created_at_gte',
    ],
    [
      INSIGHTS,
      '?currency=usd&created_at_gte=2024-01-01T00:00:00Z&created_at_lt=2026-01-01T00:00:00Z',
      'created_at_gte',
    ],
    [INSIGHTS, '?currency=usd&created_at_lt=now', 'created_at_lt'],
    [EXPORT, '?format=xlsx', 'format'],
    [EXPORT, '?cursor=AAAA', 'cursor'],
  ] as const) {
    const response = await service.get(`${path}${query}`);
    const body = await readDeclared<{ error: string; field: string }>(path, response);
    assert.deepEqual([response.status, body.error, body.field], [400, 'validation_error', field], query);
  }
});

test('that somebody added up, analyzed or exported is in the audit log, without the words that they looked for', async () => {
  const ask = async (path: string, filters: Filters) => {
    const id = `report-${path.split('/').at(-1)}`;
    const response = await service.get(address(path, filters), { 'x-request-id': id });
    await response.text();
    for (;;) {
      const { rows } = await service.pool.query(
        'SELECT event_type, entity_type, details FROM audit_log WHERE request_id = $1',
        [id],
      );
      if (rows[0] !== undefined) return rows[0];
    }
  };
  assert.deepEqual(await ask(SUMMARY, { status: 'failed', reason: 'a rash', time_zone: 'Europe/Berlin' }), {
    event_type: 'refund.summarized',
    entity_type: 'refund',
    details: { status: 200, filters: { status: 'failed' }, withheld: ['reason', 'time_zone'] },
  });
  assert.deepEqual(await ask(INSIGHTS, { currency: 'usd' }), {
    event_type: 'refund.analyzed',
    entity_type: 'refund',
    details: { status: 200, filters: { currency: 'usd', time_zone: 'UTC' } },
  });
  assert.deepEqual(await ask(EXPORT, { format: 'ndjson', customer_id: BUSY, reason_code: 'smith' }), {
    event_type: 'refund.exported',
    entity_type: 'customer',
    details: { status: 200, filters: { format: 'ndjson' }, withheld: ['customer_id', 'reason_code'] },
  });
});
