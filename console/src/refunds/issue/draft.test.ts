import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestFailed } from '../../api/error.ts';
import { afterFailure, dropDraft, findDraft, keepDraft, newDraft } from './draft.ts';

function storage() {
  const kept = new Map<string, string>();
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  };
}
const agent = { payment_id: 'payment_1', actor_id: 'agent' };
const sent = { ...newDraft(agent), sent: { payment_id: 'payment_1', amount_cents: 500 } };
const failed = (status: number, more: { code?: string; retry_after_s?: number } = {}) =>
  new RequestFailed('No.', { status, code: 'x', ...more });

test('a draft is there again after a reload, with the key it had and what was sent', () => {
  const tab = storage();
  keepDraft(tab, sent);
  assert.deepEqual(findDraft(tab, agent), sent);
  assert.equal(findDraft(tab, { ...agent, payment_id: 'payment_2' }), undefined);
  dropDraft(tab, agent);
  assert.equal(findDraft(tab, agent), undefined);
});

test('where it is not known whether it arrived, and where nobody is signed in any more, the same is asked again under the same key', () => {
  const unknown = [
    failed(0),
    failed(401),
    failed(500),
    failed(503),
    failed(504),
    failed(429),
    failed(408),
    failed(409, { retry_after_s: 1 }),
    new Error('x'),
  ];
  for (const error of unknown) assert.deepEqual(afterFailure(sent, error), sent);
});

test('after a refusal another attempt has another key, since the service keeps the refusal under the first', () => {
  for (const status of [400, 403, 404, 409, 412, 422, 502]) {
    const next = afterFailure(sent, failed(status));
    assert.notEqual(next.key, sent.key);
    assert.equal(next.sent, null);
    assert.equal(next.amount, sent.amount);
  }
});

test('what one person has begun is not gone on with by another in the same tab, under whom it would be a second refund', () => {
  const tab = storage();
  keepDraft(tab, sent);
  assert.equal(findDraft(tab, { ...agent, actor_id: 'approver' }), undefined);
});
