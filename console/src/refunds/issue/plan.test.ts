import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newDraft } from './draft.ts';
import { planRefund } from './plan.ts';

const payment = {
  payment_id: 'payment_1',
  refundable_cents: 5_000,
  currency: 'eur',
  approval_limit_cents: 2_000,
};
const draft = { ...newDraft({ payment_id: 'payment_1', actor_id: 'agent' }), full: false };

test('what is sent names the amount and what was taken to be left, and says before whether it goes to an approver', () => {
  assert.deepEqual(
    planRefund({ ...draft, amount: '12.50', reason: 'goodwill', note: ' Was kind ' }, payment),
    {
      amount_cents: 1_250,
      remaining_cents: 3_750,
      needs_approval: false,
      body: {
        payment_id: 'payment_1',
        amount_cents: 1_250,
        expected_refundable_cents: 5_000,
        reason: 'goodwill',
        note: 'Was kind',
      },
    },
  );
  const whole = planRefund({ ...draft, full: true }, payment);
  assert.ok('body' in whole && whole.needs_approval && whole.remaining_cents === 0);
  const unlimited = planRefund({ ...draft, full: true }, { ...payment, approval_limit_cents: null });
  assert.ok('body' in unlimited && !unlimited.needs_approval);
});

test('nothing, and more than is left, is not sent', () => {
  assert.deepEqual(planRefund({ ...draft, amount: '0' }, payment), { problem: 'nothing' });
  assert.deepEqual(planRefund({ ...draft, amount: '50.01' }, payment), { problem: 'too_much' });
  assert.deepEqual(planRefund({ ...draft, full: true }, { ...payment, refundable_cents: 0 }), {
    problem: 'nothing',
  });
  assert.deepEqual(planRefund({ ...draft, amount: '' }, payment), { problem: 'empty' });
});
