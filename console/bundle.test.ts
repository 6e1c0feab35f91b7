import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildConsole } from '../local/console.ts';

/** Vite's manifest: what each file was made of, and which it loads at once. */
type Manifest = Record<string, { file: string; imports?: string[] }>;

const INITIAL_MAX_kB = 250;

test(`what a browser loads before the list of refunds can be used is at most ${INITIAL_MAX_kB} kB of JavaScript, gzipped`, async (t) => {
  await buildConsole();
  const dist = new URL('dist/', import.meta.url);
  const manifest = JSON.parse(await readFile(new URL('.vite/manifest.json', dist), 'utf8')) as Manifest;
  const needed = new Set<string>();
  const collect = (name: string) => {
    const entry = manifest[name];
    assert.ok(entry, `${name} is in the manifest`);
    if (needed.has(entry.file)) return;
    needed.add(entry.file);
    for (const other of entry.imports ?? []) collect(other);
  };
  collect('index.html');
  collect('src/refunds/RefundList.tsx');
  let bytes = 0;
  for (const file of needed) bytes += gzipSync(await readFile(new URL(file, dist))).length;
  t.diagnostic(`${(bytes / 1_000).toFixed(1)} kB in ${needed.size} files`);
  assert.ok(bytes > 50_000, 'the files are the real ones');
  assert.ok(bytes <= INITIAL_MAX_kB * 1_000, `${bytes} bytes`);
});
