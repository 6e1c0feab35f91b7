import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { startTestApp } from './support/app.ts';
import { readDeclared } from './support/declared.ts';
import { makePayment } from './support/make.ts';

const service = await startTestApp();
after(() => service[Symbol.asyncDispose]());

/** As addresses and as openapi.json writes them. */
const LISTS = ['/v1/admin/refunds', '/v1/admin/payments', '/v1/admin/disputes'];
const SINGLE = ['/v1/admin/refunds/{refund_id}', '/v1/payments/{id}', '/v1/admin/disputes/{id}'];
const PARAMETERS = [
  'customer_id',
  'status',
  'payment_id',
  'charge_id',
  'stripe_refund_id',
  'stripe_payment_intent_id',
  'order_id',
  'reason',
  'amount_cents_gte',
  'amount_cents_lte',
  'created_at_gte',
  'created_at_lt',
  'brand_id',
  'limit',
  'cursor',
];

const twoDigits = (max: number) =>
  fc.integer({ min: 0, max }).map((number) => String(number).padStart(2, '0'));
/** Looks like a moment, and often is none. */
const moment = fc
  .tuple(
    fc.integer({ min: 0, max: 9_999 }).map((year) => String(year).padStart(4, '0')),
    twoDigits(13),
    twoDigits(32),
    twoDigits(24),
    twoDigits(60),
    twoDigits(61),
    fc.constantFrom('Z', 'z', '.9999999Z', '+00:00', '-00:00', '+23:59', '-23:59', '+2359', '+23', ''),
  )
  .map(
    ([year, month, day, hour, minute, second, zone]) =>
      `${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`,
  );
const value = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string(),
  moment,
  fc.maxSafeInteger().map(String),
  fc.double().map(String),
  fc.constantFrom(
    '1',
    '100',
    '-0',
    '00',
    'succeeded',
    'default',
    'null',
    'undefined',
    '\0',
    '\uffff',
    '%',
    '..',
    '.',
  ),
);
/** A lone surrogate has no encoding; these are the bytes that somebody would send for one. */
const encode = (text: string) => (text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80');

test('whatever is asked, the answer is a declared one and never a 500, and what was asked is not in the log', async () => {
  for (let number = 0; number < 5; number += 1)
    await makePayment(service.pool, { refunds: [{}, {}], disputes: [{}] });
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...LISTS, ...SINGLE),
      value,
      fc.array(fc.tuple(fc.constantFrom(...PARAMETERS), value), { maxLength: 3 }),
      fc.option(fc.oneof(fc.constant('default'), fc.string({ unit: 'grapheme-ascii' }))),
      async (path, id, query, brand) => {
        // The address without an id, or of a folder, is another one.
        fc.pre(LISTS.includes(path) || !['', '.', '..'].includes(id));
        const address = path.replace(/\{.*/, encode(id));
        const asked = query.map(([name, text]) => `${name}=${encode(text)}`).join('&');
        const response = await service.get(
          `${address}${asked === '' ? '' : `?${asked}`}`,
          brand === null ? {} : { 'x-brand-id': brand },
        );
        statuses.add(response.status);
        assert.ok(response.status < 500, await response.clone().text());
        await readDeclared(path, response);
      },
    ),
    { numRuns: 1_500 },
  );
  assert.deepEqual([...statuses].sort(), [200, 400, 403, 404]);
  assert.doesNotMatch(service.logged(), /"level":5\d|Bearer|customer_\d|[?]/);
});
