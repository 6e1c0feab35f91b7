import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ServiceError } from '../errors.ts';
import { createCursors, type Question } from './cursor.ts';

const QUESTION: Question = {
  operation: 'listRefunds',
  brand_id: 'default',
  filters: { customer_id: 'cus_1', status: undefined },
};
const KEY = { created_at: new Date('2026-01-31T14:05:00.123Z'), id: 'refund_01kar2m0v5fhtb3mx9q2z8d4wn' };
const cursors = createCursors(['first secret']);

function refuses(question: Question, cursor: string, by = cursors): void {
  assert.throws(
    () => by.decode(question, cursor),
    (error) =>
      error instanceof ServiceError &&
      error.status === 400 &&
      error.code === 'validation_error' &&
      error.field === 'cursor' &&
      (cursor.length < 8 || !error.message.includes(cursor)),
  );
}

test('a cursor gives back the keys that it was made from, whatever they are', () => {
  fc.assert(
    fc.property(
      fc.date({ noInvalidDate: true }),
      fc.string({ minLength: 1, unit: 'grapheme' }).filter((id) => !/[\n\r\u2028\u2029]/.test(id)),
      (created_at, id) => {
        assert.deepEqual(cursors.decode(QUESTION, cursors.encode(QUESTION, { created_at, id })), {
          created_at,
          id,
        });
      },
    ),
  );
});

test('a cursor needs no escaping in an address', () => {
  assert.match(cursors.encode(QUESTION, KEY), /^[A-Za-z0-9_-]+$/);
});

test('a cursor with any one character changed, dropped or added is refused', () => {
  const cursor = cursors.encode(QUESTION, KEY);
  for (let at = 0; at < cursor.length; at += 1) {
    const other = cursor[at] === 'A' ? 'B' : 'A';
    refuses(QUESTION, `${cursor.slice(0, at)}${other}${cursor.slice(at + 1)}`);
    refuses(QUESTION, `${cursor.slice(0, at)}${cursor.slice(at + 1)}`);
  }
  for (const added of ['A', '=', '.', ' ', '%']) refuses(QUESTION, `${cursor}${added}`);
});

test('nothing that is not a cursor is taken for one', () => {
  fc.assert(fc.property(fc.string(), (text) => refuses(QUESTION, text)));
  fc.assert(fc.property(fc.base64String(), (text) => refuses(QUESTION, text)));
});

for (const [what, other] of [
  ['another operation', { ...QUESTION, operation: 'listPayments' }],
  ['another brand', { ...QUESTION, brand_id: 'acme' }],
  ['another customer', { ...QUESTION, filters: { customer_id: 'cus_2' } }],
  ['no customer', { ...QUESTION, filters: {} }],
  ['one more filter', { ...QUESTION, filters: { ...QUESTION.filters, status: 'failed' } }],
  ['the same value under another name', { ...QUESTION, filters: { payment_id: 'cus_1' } }],
] as [string, Question][]) {
  test(`a cursor is refused for ${what}`, () => {
    refuses(other, cursors.encode(QUESTION, KEY));
  });
}

test('the order in which filters are named does not matter', () => {
  const one = { ...QUESTION, filters: { a: '1', b: '2' } };
  const other = { ...QUESTION, filters: { b: '2', a: '1' } };
  assert.deepEqual(cursors.decode(other, cursors.encode(one, KEY)), KEY);
});

test('while a secret is replaced the old cursors work and new ones are signed with the new secret', () => {
  const rotating = createCursors(['second secret', 'first secret']);
  assert.deepEqual(rotating.decode(QUESTION, cursors.encode(QUESTION, KEY)), KEY);
  const renewed = rotating.encode(QUESTION, KEY);
  assert.deepEqual(createCursors(['second secret']).decode(QUESTION, renewed), KEY);
  refuses(QUESTION, renewed);
});
