import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fastify from 'fastify';
import { serveConsole } from './console.ts';

const app = fastify();
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'console-'));
  await mkdir(join(directory, 'built', 'assets'), { recursive: true });
  await writeFile(join(directory, 'private.js'), 'SECRET');
  await writeFile(join(directory, 'built', 'private.js'), 'SECRET');
  await writeFile(join(directory, 'built', 'index.html'), '<script nonce="__NONCE__"></script>');
  await writeFile(join(directory, 'built', 'assets', 'main.js'), 'console.log(1)');
  await writeFile(join(directory, 'built', 'assets', '.env'), 'SECRET');
  await serveConsole(app, join(directory, 'built'));
  await app.ready();
});
after(async () => {
  await app.close();
  await rm(directory, { recursive: true });
});

test('what was built is served, to be kept for ever, and any other address under /console is its page', async () => {
  const script = await app.inject('/console/assets/main.js');
  assert.equal(script.body, 'console.log(1)');
  assert.match(String(script.headers['cache-control']), /max-age=31536000, immutable/);
  for (const path of ['/console', '/console/refunds/refund_1']) {
    assert.match((await app.inject(path)).body, /^<script nonce="[\w-]{22}">/, path);
  }
});

test('each page has a nonce of its own, which its policy names', async () => {
  const [one, other] = await Promise.all([app.inject('/console'), app.inject('/console')]);
  const nonceOf = ({ body }: typeof one) => /nonce="([^"]+)"/.exec(body)?.[1] ?? '';
  assert.notEqual(nonceOf(one), nonceOf(other));
  assert.ok(String(one.headers['content-security-policy']).includes(`'nonce-${nonceOf(one)}'`));
});

test('no path leads to a file that is not of the console', async () => {
  for (const path of [
    '/console/assets/../private.js',
    '/console/assets/..%2fprivate.js',
    '/console/assets/%2e%2e/%2e%2e/private.js',
    '/console/assets/..%5c..%5cprivate.js',
    '/console/assets/%252e%252e%252fprivate.js',
    '/console/assets//../private.js',
    '/console/assets/.env',
    '/console/assets/main.js/../../private.js',
    `/console/assets/${encodeURIComponent(join(directory, 'private.js'))}`,
    '/console/assets/',
    '/console/assets',
  ]) {
    const { body } = await app.inject(path);
    assert.doesNotMatch(body, /SECRET|console.log/, path);
  }
});
