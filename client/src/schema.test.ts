import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';

test("the client's types are those of the document that the service serves", async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '-s', 'print', '-w', '@payments/client'], {
    cwd: new URL('../..', import.meta.url),
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.equal(await readFile(new URL('schema.d.ts', import.meta.url), 'utf8'), stdout);
});
