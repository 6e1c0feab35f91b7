import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { PageKey } from '../service/src/database/page.ts';
import { type Connections, createPool, type Queryable } from '../service/src/database/pool.ts';
import type { RefundFilters } from '../service/src/refunds/filters.ts';
import { listRefunds } from '../service/src/refunds/list.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';
import { fillBooks } from './support/rows.ts';

const PAYMENTS = 30_000;
const REFUNDS = 120_000;
/** This customer has a third of all refunds, so that a thousand pages of them exist. */
const BUSY = 'cus_busy';
const LIMIT = 20;

let database: TestDatabase;
let pool: Connections;

before(async () => {
  database = await createTestDatabase();
  pool = createPool({ connectionString: database.url, max: 2 });
  await fillBooks(pool, { payments: PAYMENTS, refunds: REFUNDS, busy: BUSY });
});
after(async () => {
  await pool.end();
  await database.drop();
});

interface Plan {
  'Node Type': string;
  'Actual Rows': number;
  'Index Name'?: string;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: Plan[];
}

/** What the database does for one page: the plan's nodes, and how many blocks of 8 kB it touches. */
async function costOf(filters: RefundFilters, after: PageKey | undefined) {
  const plans: Plan[] = [];
  const explaining = {
    query: async ({ text, values }: { text: string; values: unknown[] }) => {
      const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
        values,
      );
      if (rows[0] !== undefined) plans.push(rows[0]['QUERY PLAN'][0].Plan);
      return { rows: [] };
    },
  } as unknown as Queryable;
  await listRefunds(explaining, 'default', filters, { after, limit: LIMIT });
  const [plan] = plans;
  assert.ok(plan);
  assert.equal(plans.length, 1, 'one list call is one query');
  const nodes: Plan[] = [];
  const walk = (node: Plan) => {
    nodes.push(node);
    node.Plans?.forEach(walk);
  };
  walk(plan);
  return { nodes, blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'] };
}

async function keyAfter(filters: RefundFilters, rows: number): Promise<PageKey> {
  const { rows: found } = await pool.query<{ created_at: Date; refund_id: string }>(
    `SELECT created_at, refund_id FROM refunds WHERE customer_id = coalesce($1, customer_id)
     ORDER BY created_at DESC, refund_id DESC OFFSET $2 LIMIT 1`,
    [filters.customer_id ?? null, rows - 1],
  );
  assert.ok(found[0]);
  return { created_at: found[0].created_at, id: found[0].refund_id };
}

for (const [whose, filters] of [
  ['everybody', {}],
  ['a customer', { customer_id: BUSY }],
] as const) {
  test(`page 1,000 of ${whose} costs what page 1 does: an index read backwards, no sort, as many blocks`, async () => {
    const first = await costOf(filters, undefined);
    const thousandth = await costOf(filters, await keyAfter(filters, 999 * LIMIT));
    for (const { nodes } of [first, thousandth]) {
      assert.deepEqual(
        nodes.map((node) => node['Node Type']),
        ['Limit', 'Index Scan'],
      );
      assert.equal(nodes[1]?.['Actual Rows'], LIMIT + 1);
    }
    // A page is a few blocks of the index and of the table; where its rows lie differs a little from page to page.
    assert.ok(
      Math.abs(thousandth.blocks - first.blocks) <= LIMIT,
      `page 1: ${first.blocks} blocks, page 1,000: ${thousandth.blocks}`,
    );
  });
}

for (const filters of [
  { status: 'failed' },
  { reason: 'duplicate' },
  { payment_id: 'payment_00000007' },
  { charge_id: 'ch_7' },
  { stripe_refund_id: 're_7' },
  { customer_id: BUSY, status: 'failed' },
  { unknown: true },
  { created_at_gte: new Date('2026-02-03T00:00:00Z'), created_at_lt: new Date('2026-02-04T00:00:00Z') },
] satisfies RefundFilters[]) {
  test(`a page by ${Object.keys(filters).join(' and ')} is served by an index`, async () => {
    const { nodes, blocks } = await costOf(filters, undefined);
    assert.deepEqual(
      nodes.filter((node) => node['Node Type'] === 'Seq Scan'),
      [],
    );
    assert.ok(blocks < 1_000, `${blocks} blocks`);
  });
}

test('what needs attention is found by an index of nothing else, in the order of the list', async () => {
  const { nodes, blocks } = await costOf({ needs_attention: true }, undefined);
  assert.deepEqual(
    nodes.map((node) => node['Index Name'] ?? node['Node Type']),
    ['Limit', 'refunds_needing_attention'],
  );
  assert.ok(blocks < 100, `${blocks} blocks`);
});

test('pages follow one another without a gap or a repetition, also where many rows share one moment', async () => {
  await pool.query(
    `UPDATE refunds SET created_at = '2026-06-01Z' WHERE refund_id BETWEEN 'refund_00000001' AND 'refund_00000055'`,
  );
  const seen: string[] = [];
  let after: PageKey | undefined;
  do {
    const page = await listRefunds(
      pool,
      'default',
      { created_at_gte: new Date('2026-06-01Z') },
      { after, limit: 7 },
    );
    seen.push(...page.rows.map((row) => row.refund_id));
    const last = page.rows.at(-1);
    after = page.more && last !== undefined ? { created_at: last.created_at, id: last.refund_id } : undefined;
  } while (after !== undefined);
  assert.equal(seen.length, 55);
  assert.deepEqual(seen, [...new Set(seen)].sort().reverse());
});
