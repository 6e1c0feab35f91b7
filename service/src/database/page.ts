import { createHash } from 'node:crypto';
import { type Condition, writeConditions } from './conditions.ts';
import type { Queryable } from './pool.ts';

/** The sort keys of a page's last row, where the next page begins: its time, and its id for rows of the same time. */
export interface PageKey {
  created_at: Date;
  id: string;
}

export interface PageQuery {
  /** For the names of the prepared statements, e.g. `refunds.list`. */
  name: string;
  /** `SELECT … FROM …`, without conditions. */
  select: string;
  /** The column of the time that sorts; what is selected has it as `created_at` for the next page's key. Absent: `created_at`. */
  timeColumn?: string;
  /** The column that breaks its ties. */
  idColumn: string;
  /** In a fixed order. */
  conditions: readonly Condition[];
  after: PageKey | undefined;
  limit: number;
}

export interface Page<Row> {
  rows: Row[];
  /** Whether there are rows beyond these. */
  more: boolean;
}

const statements = new Map<string, string>();

/**
 * One page, newest first, in one query. Keyset, never OFFSET: an index that leads with the conditions and ends in
 * (created_at, id) is read backwards from the key, so the thousandth page costs what the first does.
 */
export async function readPage<Row extends object>(db: Queryable, query: PageQuery): Promise<Page<Row>> {
  const { where, values } = writeConditions(query.conditions);
  const { timeColumn = 'created_at' } = query;
  let beyond = '';
  if (query.after !== undefined) {
    values.push(query.after.created_at, query.after.id);
    beyond = `AND (${timeColumn}, ${query.idColumn}) < ($${values.length - 1}, $${values.length})`;
  }
  // One row more than asked for tells whether there is a next page, without a second query.
  values.push(query.limit + 1);
  const text = `${query.select} WHERE ${where} ${beyond}
    ORDER BY ${timeColumn} DESC, ${query.idColumn} DESC LIMIT $${values.length}`;
  const { rows } = await db.query<Row>({ name: statementName(query.name, text), text, values });
  return { rows: rows.slice(0, query.limit), more: rows.length > query.limit };
}

/** The name of a statement that is put together: PostgreSQL keeps 63 bytes of a name, so it is named after its digest. */
export function statementName(name: string, text: string): string {
  let known = statements.get(text);
  if (known === undefined) {
    known = `${name}:${createHash('sha256').update(text).digest('base64url').slice(0, 16)}`;
    statements.set(text, known);
  }
  return known;
}
