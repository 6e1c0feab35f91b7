import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fastify from 'fastify';
import { serveDocs } from './docs.ts';

test('what was built is served at its address, may run nothing, and leads to no file beside it', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'docs-'));
  const app = fastify();
  t.after(async () => {
    await app.close();
    await rm(directory, { recursive: true });
  });
  await mkdir(join(directory, 'assets'));
  await mkdir(join(directory, 'pages/guides'), { recursive: true });
  await writeFile(join(directory, 'assets/style.css'), 'a {}');
  await writeFile(join(directory, 'pages/index.html'), 'first');
  await writeFile(join(directory, 'pages/guides/operate.html'), 'operate');
  await writeFile(join(directory, 'private.html'), 'SECRET');
  await writeFile(join(directory, 'built.json'), '["", "guides/operate"]');
  await serveDocs(app, directory);

  assert.equal((await app.inject('/docs')).body, 'first');
  assert.equal((await app.inject('/docs/')).headers.location, '/docs');
  const page = await app.inject('/docs/guides/operate');
  assert.equal(page.body, 'operate');
  assert.match(String(page.headers['content-security-policy']), /^default-src 'none'; style-src 'self'/);
  assert.doesNotMatch(String(page.headers['content-security-policy']), /script-src|unsafe/);
  assert.match(
    String((await app.inject('/docs/assets/style.css')).headers['cache-control']),
    /max-age=31536000, immutable/,
  );
  for (const path of ['/docs/private', '/docs/../private.html', '/docs/assets/..%2fprivate.html']) {
    const { body, statusCode } = await app.inject(path);
    assert.equal(statusCode, 404, path);
    assert.doesNotMatch(body, /SECRET/, path);
  }
});

test('where nothing was built, a sentence says so', async (t) => {
  const app = fastify();
  t.after(() => app.close());
  await serveDocs(app, join(tmpdir(), 'never-built'));
  for (const path of ['/docs', '/docs/guides/operate']) {
    const { statusCode, body } = await app.inject(path);
    assert.equal(statusCode, 404);
    assert.match(body, /The documentation has not been built: npm run build\./);
  }
});
