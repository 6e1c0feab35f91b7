import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { createTestDatabase, execute, type TestDatabase } from '../../../test/support/database.ts';

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** `table.column` of every row of the document's tables. */
function documented(): string[] {
  const document = readFileSync(new URL('../../../docs/privacy.md', import.meta.url), 'utf8');
  return document
    .split(/^### /m)
    .slice(1)
    .flatMap((section) => {
      const table = /^`(\w+)`$/m.exec(section)?.[1] ?? '';
      const rows = section.split('\n').filter((line) => line.startsWith('| `'));
      for (const row of rows)
        assert.match(
          row,
          /^\|[^|]+\|[^|]{3,}\| [^|]*[^| ][^|]* \| [^|]*[^| ][^|]* \|$/,
          `an empty cell: ${row}`,
        );
      return rows.flatMap((row) =>
        [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, column]) => `${table}.${column}`),
      );
    });
}

test('docs/privacy.md says of every column of every table what it is, and of none that is not there', async () => {
  const { rows } = await execute(
    database.url,
    `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
     JOIN information_schema.tables USING (table_schema, table_name)
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
  );
  const names = rows.map(({ name }) => String(name));
  assert.ok(names.length > 100);
  assert.deepEqual(documented().toSorted(), names.toSorted());
});
