import type { Queryable } from '../database/pool.ts';

/** A customer's name where nothing is ever taken out again, as `customerName` makes it. */
const NAME = /^customer:[0-9a-f]{32}$/;

/**
 * The name under which a customer stands in the audit log and in histories: those only grow, so that an id in them could never be
 * erased. Always the same for the same customer of a brand; made from a secret of the database, so to be asked for as the service. What is such a
 * name already stays it.
 */
export async function customerName(db: Queryable, brandId: string, customerId: string): Promise<string> {
  if (NAME.test(customerId)) return customerId;
  const { rows } = await db.query<{ name: string }>({
    name: 'customers.name',
    text: 'SELECT customer_name($1, $2) AS name',
    values: [brandId, customerId],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('A customer was given no name');
  return row.name;
}

/**
 * What stands in place of a customer who was erased, for a payment made at `created_at`; undefined where nobody was erased, or
 * the payment was made afterwards (unique index). To be asked in a transaction that holds a lock on payments: an erasure that has begun is
 * seen, or waits for this transaction.
 */
export async function findPseudonym(
  tx: Queryable,
  { brand_id, customer_id, created_at }: { brand_id: string; customer_id: string; created_at: Date },
): Promise<string | undefined> {
  const { rows } = await tx.query<{ pseudonym: string }>({
    name: 'customers.find_pseudonym',
    text: `SELECT pseudonym FROM erasures
           WHERE customer_name = customer_name($1, $2) AND brand_id = $1 AND $3 <= covers_until`,
    values: [brand_id, customer_id, created_at],
  });
  return rows[0]?.pseudonym;
}
