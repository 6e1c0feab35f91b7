import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A version after this one: the same code, and one more migration, which adds to the tables under load what an expanding migration adds.
 * It stands in a folder of its own, as the image of a release would.
 */
export function releaseNext(stack: AsyncDisposableStack): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'payments-next-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  cpSync(join(root, 'service'), join(folder, 'service'), {
    recursive: true,
    filter: (path) => !path.includes('node_modules') && !path.endsWith('.test.ts'),
  });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(
    join(folder, 'service/src/database/migrations/9999_of_the_next_version.sql'),
    `-- Up Migration
ALTER TABLE payments ADD COLUMN of_the_next_version integer NOT NULL DEFAULT 0;
ALTER TABLE refunds ADD COLUMN of_the_next_version text;
CREATE INDEX ON refunds (of_the_next_version);
CREATE TABLE of_the_next_version (id bigint PRIMARY KEY);
`,
  );
  return folder;
}
