import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { readDeclared } from './support/declared.ts';
import { startIssuing } from './support/issuing.ts';

const world = await startIssuing();
after(() => world[Symbol.asyncDispose]());

const FIELDS = [
  'charge_id',
  'payment_id',
  'amount_cents',
  'full',
  'reason',
  'note',
  'expected_refundable_cents',
  'resolution',
  'reference',
  'replacement_refund_id',
  'amount',
  '__proto__',
  'constructor',
];
const OPERATIONS = [
  '/v1/admin/refunds',
  '/v1/refunds',
  '/v1/admin/refunds/{refund_id}/approve',
  '/v1/admin/refunds/{refund_id}/reject',
  '/v1/admin/refunds/{refund_id}/cancel',
  '/v1/admin/refunds/{refund_id}/sync',
  '/v1/admin/refunds/{refund_id}/resolve',
];

test('whatever is sent, the answer is a declared one and never a 500, nothing is refunded beyond what was paid, and what was sent is not in the log', async () => {
  const caller = await world.caller({ scope: 'admin:refunds write:refunds' });
  const paid = await Promise.all(
    Array.from({ length: 20 }, (_, index) => world.pay({ amount_cents: 500 + index })),
  );
  const known = fc.constantFrom(...paid);
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    known.map(({ payment_id }) => payment_id),
    known.map(({ charge_id }) => charge_id),
    fc.integer({ min: -5, max: 600 }),
    fc.constantFrom(1e21, -0, 0.5, '100', true, null, 'duplicate', 'secret ailment', 'a'.repeat(5_000), '\0'),
  );
  const body = fc.oneof(
    fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 5 }),
    // Often enough it is what it should be.
    fc.record(
      {
        payment_id: known.map(({ payment_id }) => payment_id),
        amount_cents: fc.integer({ min: 1, max: 600 }),
        reason: fc.constantFrom('duplicate', 'secret ailment', null),
      },
      { requiredKeys: ['payment_id'] },
    ),
    fc.jsonValue(),
    fc.constantFrom({}, undefined, { resolution: 'not_owed', reference: 'x' }),
  );
  const key = fc.option(fc.oneof(fc.string({ unit: 'grapheme-ascii' }), fc.constantFrom('"a"', 'b', 'c d')));
  const refundIds = ['refund_01unknown'];
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...OPERATIONS),
      fc.nat(),
      body,
      key,
      async (path, which, sent, idempotencyKey) => {
        const address = path.replace('{refund_id}', refundIds[which % refundIds.length] ?? '');
        const {
          status,
          text,
          body: answered,
          headers,
        } = await caller.post(
          address,
          sent,
          idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey },
        );
        statuses.add(status);
        assert.ok(status < 500 || status === 502, text);
        if (answered.refund_id !== undefined) refundIds.push(answered.refund_id);
        await readDeclared(path, new Response(text, { status, headers }), 'post');
      },
    ),
    { numRuns: 1_500 },
  );
  for (const status of [200, 201, 400, 404, 409, 412, 422]) assert.ok(statuses.has(status), String(status));
  const { rows } = await world.pool.query(
    'SELECT payment_id FROM payments WHERE reserved_cents + refunded_cents > captured_cents',
  );
  assert.deepEqual(rows, []);
  for (const { charge_id } of paid) {
    const charge = world.standIn.world.store.find('charge', charge_id)?.body;
    assert.ok(charge !== undefined && charge.amount_refunded <= charge.amount_captured);
  }
  assert.doesNotMatch(world.logged(), /"level":5\d|Bearer|secret ailment|customer_1/);
});
