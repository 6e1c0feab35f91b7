import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { verifyWebhook, WebhookVerificationError } from './index.ts';

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const other = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
const body = JSON.stringify({
  type: 'refund.failed.v1',
  event_id: 'event_1',
  data: { refund_id: 'refund_1' },
});

function signed(sent_at = new Date(), by = secret): Record<string, string> {
  return {
    'Webhook-Id': 'event_1',
    'webhook-timestamp': String(Math.floor(sent_at.getTime() / 1_000)),
    'webhook-signature': new Webhook(by).sign('event_1', sent_at, body),
  };
}

test('an event that the service has signed is told with its type, however its headers are held', () => {
  for (const headers of [signed(), new Headers(signed())]) {
    const event = verifyWebhook(body, headers, secret);
    assert.equal(event.type, 'refund.failed.v1');
  }
});

test('while a secret is rotated an event that either has signed is taken', () => {
  assert.equal(verifyWebhook(body, signed(), [other, secret]).event_id, 'event_1');
});

for (const [what, headers, content] of [
  ['was signed by somebody else', signed(new Date(), other), body],
  ['was changed', signed(), body.replace('refund_1', 'refund_2')],
  ['is older than five minutes', signed(new Date(Date.now() - 301_000)), body],
  ['is not signed', {}, body],
] as const) {
  test(`an event that ${what} is refused`, () => {
    assert.throws(() => verifyWebhook(content, headers, secret), WebhookVerificationError);
  });
}
