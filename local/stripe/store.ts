import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type Stripe from 'stripe';

/** What is kept, by its `object` name in Stripe's API. */
export type Kinds = {
  balance_transaction: Stripe.BalanceTransaction;
  charge: Stripe.Charge;
  customer: Stripe.Customer;
  /** What is left of a customer who was deleted through the API. */
  deleted_customer: Stripe.DeletedCustomer;
  dispute: Stripe.Dispute;
  event: Stripe.Event;
  invoice: Stripe.Invoice;
  invoice_payment: Stripe.InvoicePayment;
  payment_intent: Stripe.PaymentIntent;
  payment_method: Stripe.PaymentMethod;
  refund: Stripe.Refund;
  webhook_endpoint: Stripe.WebhookEndpoint;
};
export type Kind = keyof Kinds;

/** The columns that Stripe's list filters need; everything else is in the body. */
export type Columns = Partial<
  Record<
    'customer' | 'payment_intent' | 'charge' | 'invoice' | 'email' | 'event_type' | 'status',
    string | null
  >
>;
const COLUMN_NAMES = [
  'customer',
  'payment_intent',
  'charge',
  'invoice',
  'email',
  'event_type',
  'status',
] as const;

/** What the stand-in must remember about an object and Stripe does not show. */
export type Hidden = {
  /** Name of the test card that paid (see cards.ts). */
  card?: string;
  /** Signing secrets of a webhook endpoint; the newest first. */
  secrets?: { secret: string; expires_at_ms: number | null }[];
};

export type Row<K extends Kind> = {
  id: string;
  seq: number;
  created: number;
  body: Kinds[K];
  hidden: Hidden;
};

export type Range = { gt?: number; gte?: number; lt?: number; lte?: number };
export type Query = {
  where: Columns;
  /** Event types, any of which matches. */
  eventTypes?: string[];
  created: Range;
  /** Only objects created at or after this second. */
  since_s?: number;
  /** Events: whether every endpoint has taken it. */
  delivered?: boolean;
  limit: number;
  /** Keyset: objects older (`before`) or newer (`after`) than this one. */
  startingAfter?: { created: number; seq: number };
  endingBefore?: { created: number; seq: number };
};

export type Store = ReturnType<typeof openStore>;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  created INTEGER NOT NULL,
  customer TEXT, payment_intent TEXT, charge TEXT, invoice TEXT, email TEXT, event_type TEXT, status TEXT,
  body TEXT NOT NULL,
  hidden TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_time ON objects (kind, created, seq);
CREATE INDEX IF NOT EXISTS objects_by_customer ON objects (kind, customer, created, seq) WHERE customer IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_payment_intent ON objects (kind, payment_intent, created, seq) WHERE payment_intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_charge ON objects (kind, charge, created, seq) WHERE charge IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_invoice ON objects (kind, invoice, created, seq) WHERE invoice IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_email ON objects (kind, email, created, seq) WHERE email IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_event_type ON objects (kind, event_type, created, seq) WHERE event_type IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_by_status ON objects (kind, status, created, seq) WHERE status IS NOT NULL;

CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS balances (currency TEXT PRIMARY KEY, amount INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS due (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  due_at_ms INTEGER NOT NULL,
  action TEXT NOT NULL,
  object_id TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS due_by_time ON due (due_at_ms, seq);
CREATE INDEX IF NOT EXISTS due_by_object ON due (object_id);

CREATE TABLE IF NOT EXISTS idempotency (
  key TEXT PRIMARY KEY,
  path TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  request_id TEXT NOT NULL,
  stored_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS idempotency_by_time ON idempotency (stored_at_ms);

CREATE TABLE IF NOT EXISTS deliveries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL,
  endpoint_id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'held', 'succeeded', 'failed', 'lost')),
  created_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_ms INTEGER,
  last_status INTEGER,
  last_error TEXT
);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (next_attempt_ms, seq) WHERE status = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event_id);
`;

/**
 * Opens the stand-in's memory: an SQLite file, or ':memory:'.
 *
 * WAL with `synchronous = NORMAL` keeps every committed transaction through a kill -9 of the process.
 */
export function openStore(databaseFile: string) {
  const database = new DatabaseSync(databaseFile);
  // In memory a commit looks through a table of all pages: a few large ones make it cheap.
  if (databaseFile === ':memory:') database.exec('PRAGMA page_size = 16384');
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -32000;',
  );
  database.exec(SCHEMA);

  const prepared = new Map<string, StatementSync>();
  const sql = (text: string): StatementSync => {
    let statement = prepared.get(text);
    if (statement === undefined) {
      statement = database.prepare(text);
      prepared.set(text, statement);
    }
    return statement;
  };

  let depth = 0;
  const afterCommit: (() => void)[] = [];

  const toRow = <K extends Kind>(row: Record<string, unknown>): Row<K> => ({
    id: String(row.id),
    seq: Number(row.seq),
    created: Number(row.created),
    body: JSON.parse(String(row.body)) as Kinds[K],
    hidden: JSON.parse(String(row.hidden)) as Hidden,
  });

  const store = {
    sql,

    /** Runs `work` in one transaction; inside another one, in a savepoint of it. Whatever throws leaves nothing behind. */
    transaction<T>(work: () => T): T {
      const outermost = depth === 0;
      sql(outermost ? 'BEGIN IMMEDIATE' : `SAVEPOINT level_${depth}`).run();
      depth += 1;
      let result: T;
      try {
        result = work();
      } catch (error) {
        depth -= 1;
        database.exec(outermost ? 'ROLLBACK' : `ROLLBACK TO level_${depth}; RELEASE level_${depth}`);
        if (outermost) afterCommit.length = 0;
        throw error;
      }
      depth -= 1;
      sql(outermost ? 'COMMIT' : `RELEASE level_${depth}`).run();
      if (outermost) for (const run of afterCommit.splice(0)) run();
      return result;
    },

    /** Runs `run` once the outermost transaction is committed (at once where there is none). */
    onCommit(run: () => void): void {
      if (depth === 0) run();
      else if (!afterCommit.includes(run)) afterCommit.push(run);
    },

    insert<K extends Exclude<Kind, 'deleted_customer'>>(
      kind: K,
      body: Kinds[K],
      columns: Columns = {},
      hidden: Hidden = {},
    ): void {
      sql(
        `INSERT INTO objects (id, kind, created, ${COLUMN_NAMES.join(', ')}, body, hidden)
         VALUES (?, ?, ?, ${COLUMN_NAMES.map(() => '?').join(', ')}, ?, ?)`,
      ).run(
        body.id,
        kind,
        body.created,
        ...COLUMN_NAMES.map((name) => columns[name] ?? null),
        JSON.stringify(body),
        JSON.stringify(hidden),
      );
    },

    /** Writes the object's body; `columns` only where a filtered field changed. */
    update<K extends Kind>(_kind: K, body: Kinds[K], columns: Columns = {}): void {
      const names = COLUMN_NAMES.filter((name) => columns[name] !== undefined);
      const assignments = ['body = ?', ...names.map((name) => `${name} = ?`)].join(', ');
      sql(`UPDATE objects SET ${assignments} WHERE id = ?`).run(
        JSON.stringify(body),
        ...names.map((name) => columns[name] ?? null),
        body.id,
      );
    },

    /** Turns an object into another kind of object with the same id. */
    become<K extends Kind>(kind: K, body: Kinds[K]): void {
      sql('UPDATE objects SET kind = ?, body = ? WHERE id = ?').run(kind, JSON.stringify(body), body.id);
    },

    setHidden(id: string, hidden: Hidden): void {
      sql('UPDATE objects SET hidden = ? WHERE id = ?').run(JSON.stringify(hidden), id);
    },

    find<K extends Kind>(kind: K, id: string): Row<K> | undefined {
      const row = sql('SELECT id, seq, created, body, hidden FROM objects WHERE id = ? AND kind = ?').get(
        id,
        kind,
      );
      return row === undefined ? undefined : toRow<K>(row);
    },

    /** Removes the object as if it had never been. Returns whether it was there. */
    remove(id: string): boolean {
      return Number(sql('DELETE FROM objects WHERE id = ?').run(id).changes) > 0;
    },

    count(kind: Kind): number {
      return Number(sql('SELECT count(*) AS n FROM objects WHERE kind = ?').get(kind)?.n ?? 0);
    },

    /** One page, newest first, by keyset on (created, seq); one row more than `limit` where there are more. */
    list<K extends Kind>(kind: K, query: Query): Row<K>[] {
      const conditions = ['kind = ?'];
      const values: SQLInputValue[] = [kind];
      const add = (condition: string, ...more: SQLInputValue[]) => {
        conditions.push(condition);
        values.push(...more);
      };
      for (const name of COLUMN_NAMES) {
        const value = query.where[name];
        if (value !== undefined && value !== null) add(`${name} = ?`, value);
      }
      if (query.eventTypes !== undefined)
        add(`event_type IN (${query.eventTypes.map(() => '?').join(', ')})`, ...query.eventTypes);
      if (query.created.gt !== undefined) add('created > ?', query.created.gt);
      if (query.created.gte !== undefined) add('created >= ?', query.created.gte);
      if (query.created.lt !== undefined) add('created < ?', query.created.lt);
      if (query.created.lte !== undefined) add('created <= ?', query.created.lte);
      if (query.since_s !== undefined) add('created >= ?', query.since_s);
      if (query.delivered !== undefined)
        add(
          `${query.delivered ? 'NOT EXISTS' : 'EXISTS'} (SELECT 1 FROM deliveries
           WHERE deliveries.event_id = objects.id AND deliveries.status <> 'succeeded')`,
        );
      const { startingAfter, endingBefore } = query;
      if (startingAfter !== undefined)
        add('(created, seq) < (?, ?)', startingAfter.created, startingAfter.seq);
      if (endingBefore !== undefined) add('(created, seq) > (?, ?)', endingBefore.created, endingBefore.seq);
      const direction = endingBefore === undefined ? 'DESC' : 'ASC';
      const rows = sql(
        `SELECT id, seq, created, body, hidden FROM objects WHERE ${conditions.join(' AND ')}
         ORDER BY created ${direction}, seq ${direction} LIMIT ?`,
      ).all(...values, query.limit + 1);
      return rows.map((row) => toRow<K>(row));
    },

    setting(name: string): string | undefined {
      const row = sql('SELECT value FROM settings WHERE name = ?').get(name);
      return row === undefined ? undefined : String(row.value);
    },

    setSetting(name: string, value: string): void {
      sql(
        'INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      ).run(name, value);
    },

    close(): void {
      prepared.clear();
      database.close();
    },
  };
  return store;
}
