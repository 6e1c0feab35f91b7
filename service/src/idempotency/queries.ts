import type { Queryable } from '../database/pool.ts';
import type { IdempotencyKey } from './key.ts';

const WHERE = `idempotency_key = $1 AND brand_id = $2 AND actor_id = $3 AND actor_type = $4 AND operation = $5`;
const named = (key: IdempotencyKey) => [
  key.idempotency_key,
  key.brand_id,
  key.actor_id,
  key.actor_type,
  key.operation,
];

/** Claims a key that nobody has used; waits for a transaction that is about to (primary key). False: it is known. */
export async function insert(tx: Queryable, key: IdempotencyKey, hold_s: number): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'idempotency_keys.insert',
    text: `INSERT INTO idempotency_keys (idempotency_key, brand_id, actor_id, actor_type, operation, fingerprint,
                                         claimed_at, held_until)
           SELECT $1, $2, $3, $4, $5, $6, now, now + make_interval(secs => $7) FROM clock_timestamp() AS now
           ON CONFLICT DO NOTHING`,
    values: [...named(key), key.fingerprint, hold_s],
  });
  return rowCount === 1;
}

export interface KnownKey {
  fingerprint: Buffer;
  refund_id: string | null;
  answer_status: number | null;
  answer_body: string | null;
  /** Whoever claimed it is still taken to be at work. */
  held: boolean;
}

/** A key that is known, locked (primary key). */
export async function lock(tx: Queryable, key: IdempotencyKey): Promise<KnownKey | undefined> {
  const { rows } = await tx.query<KnownKey>({
    name: 'idempotency_keys.lock',
    text: `SELECT fingerprint, refund_id, answer_status, answer_body, held_until > clock_timestamp() AS held
           FROM idempotency_keys WHERE ${WHERE} FOR UPDATE`,
    values: named(key),
  });
  return rows[0];
}

/** Takes over a locked key from somebody who has not answered in time (primary key). */
export async function hold(tx: Queryable, key: IdempotencyKey, hold_s: number): Promise<void> {
  await tx.query({
    name: 'idempotency_keys.hold',
    text: `UPDATE idempotency_keys SET held_until = clock_timestamp() + make_interval(secs => $6)
           WHERE ${WHERE}`,
    values: [...named(key), hold_s],
  });
}

/** Gives an unanswered key back, to be taken over at once (primary key). */
export async function release(db: Queryable, key: IdempotencyKey): Promise<void> {
  await db.query({
    name: 'idempotency_keys.release',
    text: `UPDATE idempotency_keys SET held_until = clock_timestamp() WHERE ${WHERE} AND answered_at IS NULL`,
    values: named(key),
  });
}

/** Notes which refund a claimed key has brought about (primary key). */
export async function noteRefund(tx: Queryable, key: IdempotencyKey, refundId: string): Promise<void> {
  await tx.query({
    name: 'idempotency_keys.note_refund',
    text: `UPDATE idempotency_keys SET refund_id = $6 WHERE ${WHERE}`,
    values: [...named(key), refundId],
  });
}

/** Keeps the first answer; a later one changes nothing (primary key). False: there is one already. */
export async function keep(
  db: Queryable,
  key: IdempotencyKey,
  answer: { status: number; body: string },
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'idempotency_keys.keep',
    text: `UPDATE idempotency_keys SET answer_status = $6, answer_body = $7, answered_at = clock_timestamp()
           WHERE ${WHERE} AND answered_at IS NULL`,
    values: [...named(key), answer.status, answer.body],
  });
  return rowCount === 1;
}

/** The answer that a key keeps (primary key). */
export async function findAnswer(
  db: Queryable,
  key: IdempotencyKey,
): Promise<{ status: number; body: string } | undefined> {
  const { rows } = await db.query<{ status: number; body: string }>({
    name: 'idempotency_keys.find_answer',
    text: `SELECT answer_status AS status, answer_body AS body FROM idempotency_keys
           WHERE ${WHERE} AND answered_at IS NOT NULL`,
    values: named(key),
  });
  return rows[0];
}
