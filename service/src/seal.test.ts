import assert from 'node:assert/strict';
import { hkdfSync } from 'node:crypto';
import { test } from 'node:test';
import { EncryptJWT } from 'jose';
import { createSeal } from './seal.ts';

const SECRET = 'a secret of this test, of many characters';
const seal = createSeal([SECRET], 'session');
const keyOf = (purpose: string, bytes: number) =>
  new Uint8Array(hkdfSync('sha256', SECRET, '', `payments ${purpose}`, bytes));

test('what is sealed opens as it was, shows nothing, and is never the same twice', async () => {
  const sealed = await seal.seal({ token: 'lph_at_1' }, 60);
  assert.equal((await seal.open(sealed))?.token, 'lph_at_1');
  const plain = sealed.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'));
  assert.ok(!plain.join().includes('lph_at_1'));
  assert.notEqual(await seal.seal({ token: 'lph_at_1' }, 60), sealed);
});

test('what was changed in any part does not open', async () => {
  const sealed = await seal.seal({ token: 'lph_at_1' }, 60);
  const parts = sealed.split('.');
  for (const [index, part] of parts.entries()) {
    const bytes = Buffer.from(part, 'base64url');
    // The second part is empty: there is no key in it.
    const changed =
      bytes.length === 0
        ? Buffer.from('x')
        : Buffer.from(bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte)));
    const forged = parts.with(index, changed.toString('base64url')).join('.');
    assert.equal(await seal.open(forged), undefined, `part ${index}`);
  }
});

test('what is over does not open', async () => {
  assert.equal(await seal.open(await seal.seal({ token: 'lph_at_1' }, -60)), undefined);
});

test('what was sealed for another purpose, or with another secret, does not open', async () => {
  assert.equal(await seal.open(await createSeal([SECRET], 'sign-in').seal({}, 60)), undefined);
  assert.equal(
    await seal.open(await createSeal(['another secret of many characters'], 'session').seal({}, 60)),
    undefined,
  );
});

test('what was sealed in another way does not open, not even with our key', async () => {
  for (const [enc, bytes] of [
    ['A128CBC-HS256', 32],
    ['A128GCM', 16],
  ] as const) {
    const other = await new EncryptJWT({})
      .setProtectedHeader({ alg: 'dir', enc })
      .setExpirationTime('60s')
      .encrypt(keyOf('session', bytes));
    assert.equal(await seal.open(other), undefined, enc);
  }
});
