import pg from 'pg';

/** What the world wants to know of the service's books. */
export interface Books {
  /** Whether a backfill has come to its end. */
  areFilled(): Promise<boolean>;
  /** Objects that the backfill under way has read. */
  objectsRead(): Promise<number>;
  /** Whether every event that was received has been dealt with. */
  haveNoOpenEvents(): Promise<boolean>;
  summary(): Promise<Summary>;
  close(): Promise<void>;
}

export interface Summary {
  payments: number;
  refunds: number;
  disputes: number;
  /** The customer with the most refunds. */
  customer: string;
  /** A payment of which something is left. */
  payment: string;
}

export async function openBooks(databaseUrl: string): Promise<Books> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'npm start' });
  await client.connect();
  const isTrue = async (condition: string) =>
    (await client.query<{ answer: boolean }>(`SELECT ${condition} AS answer`)).rows[0]?.answer === true;
  return {
    areFilled: () => isTrue('EXISTS (SELECT FROM backfills WHERE finished_at IS NOT NULL)'),
    haveNoOpenEvents: () => isTrue(`NOT EXISTS (SELECT FROM stripe_events WHERE status = 'received')`),
    async objectsRead() {
      const { rows } = await client.query<{ counts: Record<string, number> }>(
        'SELECT counts FROM backfills ORDER BY started_at DESC LIMIT 1',
      );
      const { charges = 0, invoice_payments = 0, refunds = 0, disputes = 0 } = rows[0]?.counts ?? {};
      return charges + invoice_payments + refunds + disputes;
    },
    async summary() {
      const { rows } = await client.query<Summary>(
        `SELECT (SELECT count(*) FROM payments)::int AS payments, (SELECT count(*) FROM refunds)::int AS refunds,
                (SELECT count(*) FROM disputes)::int AS disputes,
                (SELECT customer_id FROM refunds WHERE brand_id = 'default'
                 GROUP BY customer_id ORDER BY count(*) DESC, customer_id LIMIT 1) AS customer,
                (SELECT payment_id FROM payments p WHERE brand_id = 'default' AND status = 'succeeded'
                   AND captured_cents - reserved_cents - refunded_cents >= 1000
                   AND NOT EXISTS (SELECT FROM disputes d WHERE d.payment_id = p.payment_id)
                 ORDER BY created_at DESC LIMIT 1) AS payment`,
      );
      const [summary] = rows;
      if (summary === undefined) throw new Error('A SELECT without FROM has one row.');
      return summary;
    },
    close: () => client.end(),
  };
}
