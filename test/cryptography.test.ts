import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const inventory = readFileSync(join(root, 'docs/cryptography.md'), 'utf8');

const sources = globSync('{service,cli}/src/**/*.{ts,sql}', { cwd: root })
  .filter((file) => !file.endsWith('.test.ts') && !file.endsWith('test-world.ts'))
  .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));

/** Libraries, functions of PostgreSQL's, and chance. */
const CRYPTOGRAPHY =
  /from '(node:)?crypto'|from 'jose'|from 'oauth4webapi'|\bcrypto\.(subtle|random|getRandom)|Math\.random|constructEvent|\b(md5|sha\d{3}|gen_random_\w+|pgcrypto)\s*\(|typeid-js/i;

test('every file of the service that hashes, signs, seals or draws by chance is named in docs/cryptography.md', () => {
  const found = sources.filter(({ text }) => CRYPTOGRAPHY.test(text)).map(({ file }) => file);
  assert.ok(found.length > 15, `${found.length} files`);
  assert.deepEqual(
    found.filter((file) => !inventory.includes(`](../${file})`)),
    [],
  );
});

test('what is no protection any more is used for none', () => {
  const weak =
    /create(Hash|Hmac)\(\s*'(md5|sha1|ripemd)|createCipher|aes-\d+-(ecb|cbc|ctr)|'(RSA1_5|HS\d+|A\d+CBC-HS\d+)'/i;
  assert.deepEqual(
    sources.filter(({ text }) => weak.test(text)).map(({ file }) => file),
    [],
  );
  const drawn = sources.filter(({ text }) => /Math\.random/.test(text)).map(({ file }) => file);
  assert.deepEqual(
    drawn.sort(),
    ['service/src/database/migrate.ts', 'service/src/events/schedule.ts', 'service/src/stripe/client.ts'],
    'nothing is drawn without the generator for secrets but a wait',
  );
});
