import type { Pool } from '../database/pool.ts';
import { SLOT_ms, SLOTS } from './minute.ts';
import type { SharedCounts, Told } from './rates.ts';

/**
 * Adds to the counts, and tells all of the last minute for the same keys. Slots are the database's own, told by how long ago they were, so
 * that the instances' clocks need not agree. Rows are written in the order of the key, so that no two instances wait for each other; what
 * is written is read from there, since the rest of the statement still sees what was before. One index: the primary key's.
 */
const EXCHANGE = `
WITH present AS (
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000 / ${SLOT_ms})::bigint AS now
), added AS (
  INSERT INTO rate_counts AS known (key, slot, count)
  SELECT key, now - age, count
    FROM unnest($1::text[], $2::integer[], $3::integer[]) AS told (key, age, count), present
   ORDER BY 1, 2
      ON CONFLICT (key, slot) DO UPDATE SET count = known.count + excluded.count
  RETURNING key, slot, count
)
SELECT key, (now - slot)::integer AS age, count FROM added, present
UNION ALL
SELECT key, (now - slot)::integer AS age, count
  FROM rate_counts, present
 WHERE key = ANY ($4::text[]) AND slot > now - ${SLOTS}
   AND (key, slot) NOT IN (SELECT key, slot FROM added)`;

/** Removes what is older than a minute, by a look at the whole table, which is small; once a minute for each instance. */
const PRUNE = `
DELETE FROM rate_counts WHERE slot <= floor(extract(epoch FROM clock_timestamp()) * 1000 / ${SLOT_ms})::bigint - ${SLOTS}`;

interface Row {
  key: string;
  age: number;
  count: number;
}

/** Instances that share a database count together in it. */
export function shareThroughDatabase(pool: Pool): SharedCounts {
  return {
    async exchange(told) {
      const flat = told.flatMap(({ key, counts }) => counts.map((one) => ({ key, ...one })));
      const { rows } = await pool.query<Row>({
        name: 'rates_exchange',
        text: EXCHANGE,
        values: [
          flat.map(({ key }) => key),
          flat.map(({ age }) => age),
          flat.map(({ count }) => count),
          told.map(({ key }) => key),
        ],
      });
      return group(rows);
    },
    async prune() {
      await pool.query({ name: 'rates_prune', text: PRUNE });
    },
  };
}

function group(rows: readonly Row[]): Told[] {
  const byKey = Map.groupBy(rows, ({ key }) => key);
  return [...byKey].map(([key, counts]) => ({ key, counts }));
}
