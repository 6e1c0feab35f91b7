import assert from 'node:assert/strict';
import { RULES } from '../../service/src/books/rules.ts';
import type { Queryable } from '../../service/src/database/pool.ts';

/** Holds the books to their rules; fails with the rows that break one. To be called at the end of every test that moves money. */
export async function assertBooksBalance(db: Queryable): Promise<void> {
  for (const { rule, sql } of RULES) {
    const { rows } = await db.query(sql);
    assert.deepEqual(rows, [], `broken: ${rule}`);
  }
}

/** How many rows the tables have that only grow: equal before and after where nothing new was said. */
export async function countTraces(db: Queryable): Promise<{
  payments: number;
  refunds: number;
  disputes: number;
  transitions: number;
  audits: number;
  events: number;
}> {
  const { rows } = await db.query(
    `SELECT (SELECT count(*) FROM payments) AS payments, (SELECT count(*) FROM refunds) AS refunds,
            (SELECT count(*) FROM disputes) AS disputes, (SELECT count(*) FROM refund_transitions) AS transitions,
            (SELECT count(*) FROM audit_log WHERE event_type !~ '\\.(read|listed|exported)$') AS audits, (SELECT count(*) FROM outbox) AS events`,
  );
  return rows[0];
}
