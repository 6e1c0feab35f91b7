import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MUTATIONS } from './mutations/mutations.ts';

test('every guard that the mutation check takes out stands where it says, once', () => {
  for (const { name, file, find } of MUTATIONS) {
    const text = readFileSync(new URL(`../service/src/${file}`, import.meta.url), 'utf8');
    assert.equal(text.split(find).length, 2, name);
  }
});
