import type { Queryable } from '../database/pool.ts';

/** An erasure as it is remembered: not whose. */
export interface Erasure {
  pseudonym: string;
  brand_id: string;
  finished_at: Date | null;
}

/** Whether a customer was erased before (unique index). */
export async function findErasure(
  db: Queryable,
  brandId: string,
  customerId: string,
): Promise<Erasure | undefined> {
  const { rows } = await db.query<Erasure>({
    name: 'erasures.find',
    text: `SELECT pseudonym, brand_id, finished_at FROM erasures
           WHERE customer_name = customer_name($1, $2) AND brand_id = $1`,
    values: [brandId, customerId],
  });
  return rows[0];
}

/** Begins an erasure, or one anew: from now on what was paid so far comes into the books under the pseudonym only (unique index). */
export async function beginErasure(
  tx: Queryable,
  brandId: string,
  customerId: string,
  pseudonym: string,
): Promise<Erasure> {
  const { rows } = await tx.query<Erasure>({
    name: 'erasures.begin',
    text: `INSERT INTO erasures (pseudonym, brand_id, customer_name, covers_until, begun_at)
           SELECT $3, $1, customer_name($1, $2), now, now FROM clock_timestamp() AS now
           ON CONFLICT (customer_name, brand_id)
             DO UPDATE SET covers_until = greatest(erasures.covers_until, excluded.covers_until), finished_at = NULL
           RETURNING pseudonym, brand_id, finished_at`,
    values: [brandId, customerId, pseudonym],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('An erasure was not begun');
  return row;
}

export async function finishErasure(tx: Queryable, pseudonym: string): Promise<void> {
  await tx.query({
    name: 'erasures.finish',
    text: 'UPDATE erasures SET finished_at = clock_timestamp() WHERE pseudonym = $1',
    values: [pseudonym],
  });
}

/**
 * The transactions that have locked payments, or are about to write some: each locks the table, in a way in which nobody waits for it,
 * before it asks who was erased.
 *
 * @param among only which of these are still there; a transaction's name is not used again while the server runs
 */
export async function findWriters(db: Queryable, among?: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ virtualtransaction: string }>({
    name: 'erasures.writers',
    text: `SELECT DISTINCT virtualtransaction FROM pg_locks
           WHERE locktype = 'relation' AND relation = 'payments'::regclass
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND mode IN ('RowShareLock', 'RowExclusiveLock') AND granted
             AND ($1::text[] IS NULL OR virtualtransaction = ANY ($1))`,
    values: [among ?? null],
  });
  return rows.map(({ virtualtransaction }) => virtualtransaction);
}

/** How much there is of a customer: under the id, and already under the pseudonym (payments_by_customer, refunds_by_customer). */
export interface Extent {
  payments: number;
  refunds: number;
  disputes: number;
}

export async function countOf(db: Queryable, brandId: string, customerId: string): Promise<Extent> {
  const { rows } = await db.query<Extent>({
    name: 'erasures.count',
    text: `SELECT count(*) AS payments,
                  coalesce(sum((SELECT count(*) FROM refunds r WHERE r.payment_id = p.payment_id)), 0)::bigint AS refunds,
                  coalesce(sum((SELECT count(*) FROM disputes d WHERE d.payment_id = p.payment_id)), 0)::bigint AS disputes
           FROM payments p WHERE brand_id = $1 AND customer_id = $2`,
    values: [brandId, customerId],
  });
  return rows[0] ?? { payments: 0, refunds: 0, disputes: 0 };
}

/** Payments under a customer's id, by their own, after one of them (payments_by_customer). */
export async function listPayments(
  db: Queryable,
  brandId: string,
  customerId: string,
  after: string,
  limit: number,
): Promise<string[]> {
  const { rows } = await db.query<{ payment_id: string }>({
    name: 'erasures.list_payments',
    text: `SELECT payment_id FROM payments
           WHERE brand_id = $1 AND customer_id = $2 AND payment_id > $3 ORDER BY payment_id LIMIT $4`,
    values: [brandId, customerId, after, limit],
  });
  return rows.map(({ payment_id }) => payment_id);
}

/** A refund because of which its customer cannot be erased yet. */
export interface Obstacle {
  payment_id: string;
  refund_id: string;
  status: string;
  /** What the customer is still owed because it has failed, in the currency's smallest unit. */
  owed_cents: number;
  currency: string;
}

const OBSTACLE = `SELECT payment_id, refund_id, status, CASE WHEN resolved_at IS NULL THEN owed_cents ELSE 0 END AS owed_cents, currency
                  FROM refunds`;
const STANDS = `(status IN ('awaiting_approval', 'pending', 'requires_action') OR (owed_cents > 0 AND resolved_at IS NULL))`;

/** Refunds of a customer that are under way, or owed (refunds_by_customer). */
export async function findObstacles(db: Queryable, brandId: string, customerId: string): Promise<Obstacle[]> {
  const { rows } = await db.query<Obstacle>({
    name: 'erasures.obstacles',
    text: `${OBSTACLE} WHERE brand_id = $1 AND customer_id = $2 AND ${STANDS} ORDER BY created_at, refund_id`,
    values: [brandId, customerId],
  });
  return rows;
}

/** The same of one payment, under its lock (refunds_by_payment). */
export async function findObstaclesOf(tx: Queryable, paymentId: string): Promise<Obstacle[]> {
  const { rows } = await tx.query<Obstacle>({
    name: 'erasures.obstacles_of_payment',
    text: `${OBSTACLE} WHERE payment_id = $1 AND ${STANDS} ORDER BY created_at, refund_id`,
    values: [paymentId],
  });
  return rows;
}

/** Locks a payment for as long as it is the customer's (primary key). False: it is not, any more. */
export async function lockPayment(
  tx: Queryable,
  paymentId: string,
  { brand_id, customer_id }: { brand_id: string; customer_id: string },
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'erasures.lock_payment',
    text: 'SELECT 1 FROM payments WHERE payment_id = $1 AND brand_id = $2 AND customer_id = $3 FOR UPDATE',
    values: [paymentId, brand_id, customer_id],
  });
  return rowCount === 1;
}

/**
 * Takes the person out of a locked payment, and out of its refunds and disputes, which follow by their foreign keys, and what was written of
 * where they differed from Stripe (primary key, refunds_by_payment, disputes_by_payment, reconcile_differences_noted), and in rows of batches (refund_batch_rows_by_payment). What is one of the codes of the reasons stays; what a way of paying wants as its reference becomes a word. A payment that
 * Stripe's clock dates after this one's is covered all the same.
 *
 * @returns how many refunds and disputes it has
 */
export async function erasePayment(
  tx: Queryable,
  paymentId: string,
  pseudonym: string,
): Promise<Omit<Extent, 'payments'>> {
  await tx.query({
    name: 'erasures.erase_payment',
    text: `WITH erased AS (
             UPDATE payments SET customer_id = $2, order_id = NULL, subscription_id = NULL, payment_method_type = NULL,
                    payment_method_brand = NULL, payment_method_last4 = NULL, erased_at = now, updated_at = now
             FROM clock_timestamp() AS now WHERE payment_id = $1
             RETURNING created_at
           )
           UPDATE erasures SET covers_until = created_at FROM erased WHERE pseudonym = $2 AND covers_until < created_at`,
    values: [paymentId, pseudonym],
  });
  // After the customer: the foreign key has written these rows, too.
  const { rowCount } = await tx.query({
    name: 'erasures.erase_refunds',
    text: `UPDATE refunds
           SET note = NULL, decision_note = NULL, updated_at = clock_timestamp(),
               reason = CASE WHEN origin = 'external' OR EXISTS (SELECT FROM refund_reasons WHERE code = reason) THEN reason END,
               resolution_reference = CASE WHEN resolution_reference IS NOT NULL THEN 'erased' END
           WHERE payment_id = $1`,
    values: [paymentId],
  });
  await tx.query({
    name: 'erasures.erase_differences',
    text: `UPDATE reconcile_differences SET note = NULL
           WHERE note IS NOT NULL AND entity_id IN (
             SELECT $1 UNION ALL SELECT refund_id FROM refunds WHERE payment_id = $1
             UNION ALL SELECT dispute_id FROM disputes WHERE payment_id = $1
           )`,
    values: [paymentId],
  });
  await tx.query({
    name: 'erasures.erase_batch_rows',
    text: `UPDATE refund_batch_rows
           SET note = NULL, reason = CASE WHEN EXISTS (SELECT FROM refund_reasons WHERE code = reason) THEN reason END
           WHERE payment_id = $1`,
    values: [paymentId],
  });
  const { rows } = await tx.query<{ disputes: number }>({
    name: 'erasures.count_disputes',
    text: 'SELECT count(*) AS disputes FROM disputes WHERE payment_id = $1',
    values: [paymentId],
  });
  return { refunds: rowCount ?? 0, disputes: rows[0]?.disputes ?? 0 };
}

/** A caller's key, by all that names it. */
export interface KeyName {
  idempotency_key: string;
  brand_id: string;
  actor_id: string;
  actor_type: string;
  operation: string;
}

/** What a key has kept, with the reason that its refund still has. */
export interface KeptAnswer extends KeyName {
  answer_body: string;
  reason: string | null;
}

const KEY = 'idempotency_key, brand_id, actor_id, actor_type, operation';
const TOLD_OF = `substring(k.answer_body FROM '"refund_id":"([^"]*)"')`;

/**
 * Keys whose answers tell of refunds of a customer who was erased, and whose texts are still there. Reads all keys: an index on what they have
 * answered would cost every refund, and this is done seldom (refunds_by_customer).
 */
export async function findAnswers(db: Queryable, brandId: string, pseudonym: string): Promise<KeptAnswer[]> {
  const { rows } = await db.query<KeptAnswer>({
    name: 'erasures.answers',
    text: `SELECT k.idempotency_key, k.brand_id, k.actor_id, k.actor_type, k.operation, k.answer_body, r.reason
           FROM idempotency_keys k JOIN refunds r ON r.refund_id = ${TOLD_OF}
           WHERE r.brand_id = $1 AND r.customer_id = $2 AND k.answer_body IS NOT NULL AND k.erased_at IS NULL`,
    values: [brandId, pseudonym],
  });
  return rows;
}

/** How many answers tell of refunds of a customer, erased or not; reads all keys. */
export async function countAnswers(db: Queryable, brandId: string, customerIds: string[]): Promise<number> {
  const { rows } = await db.query<{ answers: number }>({
    name: 'erasures.count_answers',
    text: `SELECT count(*) AS answers
           FROM idempotency_keys k JOIN refunds r ON r.refund_id = ${TOLD_OF}
           WHERE r.brand_id = $1 AND r.customer_id = ANY ($2) AND k.answer_body IS NOT NULL AND k.erased_at IS NULL`,
    values: [brandId, customerIds],
  });
  return rows[0]?.answers ?? 0;
}

/** Writes an answer without its texts (primary key); the trigger lets nothing else of it change. */
export async function eraseAnswer(db: Queryable, key: KeyName, answerBody: string): Promise<number> {
  const { rowCount } = await db.query({
    name: 'erasures.erase_answer',
    text: `UPDATE idempotency_keys SET answer_body = $6, erased_at = clock_timestamp()
           WHERE (${KEY}) = ($1, $2, $3, $4, $5) AND erased_at IS NULL AND answer_body IS NOT NULL`,
    values: [key.idempotency_key, key.brand_id, key.actor_id, key.actor_type, key.operation, answerBody],
  });
  return rowCount ?? 0;
}

/** Keys of a brand whose holders are at work: they may have read a customer before, and answer afterwards; reads all keys. */
export async function findKeysAtWork(db: Queryable): Promise<KeyName[]> {
  const { rows } = await db.query<KeyName>({
    name: 'erasures.keys_at_work',
    text: `SELECT ${KEY} FROM idempotency_keys WHERE answered_at IS NULL AND held_until > clock_timestamp()`,
  });
  return rows;
}

/** Which of these are still at work (primary key). */
export async function stillAtWork(db: Queryable, keys: readonly KeyName[]): Promise<KeyName[]> {
  const column = (name: keyof KeyName) => keys.map((key) => key[name]);
  const { rows } = await db.query<KeyName>({
    name: 'erasures.still_at_work',
    text: `SELECT ${KEY} FROM idempotency_keys
           JOIN unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS k (${KEY}) USING (${KEY})
           WHERE answered_at IS NULL AND held_until > clock_timestamp()`,
    values: [
      column('idempotency_key'),
      column('brand_id'),
      column('actor_id'),
      column('actor_type'),
      column('operation'),
    ],
  });
  return rows;
}
