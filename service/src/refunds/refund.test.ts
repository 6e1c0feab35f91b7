import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { counterDeltas, counts, mayFollow, REFUND_STATUSES, type RefundStatus } from './refund.ts';

const status = fc.constantFrom(...REFUND_STATUSES);

test('the table of transitions is the one that the documentation draws', () => {
  const allowed = REFUND_STATUSES.flatMap((from) =>
    REFUND_STATUSES.filter((to) => mayFollow(from, to)).map((to) => `${from} → ${to}`),
  );
  assert.deepEqual(allowed, [
    'awaiting_approval → rejected',
    'awaiting_approval → pending',
    'awaiting_approval → canceled',
    'pending → requires_action',
    'pending → succeeded',
    'pending → failed',
    'pending → canceled',
    'requires_action → pending',
    'requires_action → succeeded',
    'requires_action → failed',
    'requires_action → canceled',
    'succeeded → failed',
  ]);
});

test('a refund that ended without paying never comes back to life', () => {
  for (const ended of ['rejected', 'failed', 'canceled'] as const) {
    assert.equal(counts(ended), false);
    assert.deepEqual(
      REFUND_STATUSES.filter((to) => mayFollow(ended, to)),
      [],
    );
  }
});

test('no status follows itself: an observation that says nothing new is not a transition', () => {
  fc.assert(fc.property(status, (from) => !mayFollow(from, from)));
});

test('along any allowed path the counters hold the amount exactly once while the refund is alive and nothing once it has ended', () => {
  const choices = fc.array(fc.nat(), { maxLength: 12 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 99_999_999_999 }), status, choices, (amount, first, picks) => {
      const holding = (at: RefundStatus) => ({ status: at, counted_cents: counts(at) ? amount : 0 });
      let reserved = 0;
      let refunded = 0;
      const apply = (deltas: ReturnType<typeof counterDeltas>) => {
        reserved += deltas.reserved_delta_cents;
        refunded += deltas.refunded_delta_cents;
      };
      let current = holding(first);
      apply(counterDeltas(null, current));
      for (const pick of picks) {
        const open = REFUND_STATUSES.filter((to) => mayFollow(current.status, to));
        const to = open[pick % open.length];
        if (to === undefined) break;
        apply(counterDeltas(current, holding(to)));
        current = holding(to);
        assert.ok(reserved >= 0 && refunded >= 0);
      }
      assert.equal(reserved + refunded, counts(current.status) ? amount : 0);
      assert.equal(refunded, current.status === 'succeeded' ? amount : 0);
    }),
  );
});
