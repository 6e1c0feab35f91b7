import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Caller, type IssuingWorld, startIssuing } from '../../../test/support/issuing.ts';
import { sendRaw } from '../../../test/support/raw.ts';

let world: IssuingWorld;
let service: Caller;

before(async () => {
  world = await startIssuing();
  service = await world.caller({ scope: 'admin:refunds write:refunds' });
});
after(() => world[Symbol.asyncDispose]());

const keyed = (key: string) => ({ 'idempotency-key': key });

test('a key in quotes and the same key bare are one key', async () => {
  const { payment_id } = await world.pay();
  const first = await service.post('/v1/refunds', { payment_id, amount_cents: 100 }, keyed('"quoted"'));
  const again = await service.post('/v1/refunds', { payment_id, amount_cents: 100 }, keyed('quoted'));
  assert.deepEqual([first.status, again.text], [201, first.text]);
});

test('the order in which the fields of a body are written means nothing', async () => {
  const { payment_id } = await world.pay();
  const body = { payment_id, amount_cents: 100, reason: 'goodwill' };
  const turned = { reason: 'goodwill', amount_cents: 100, payment_id };
  const first = await service.post('/v1/refunds', body, keyed('ordered'));
  const again = await service.post('/v1/refunds', turned, keyed('ordered'));
  assert.deepEqual([first.status, again.text], [201, first.text]);
});

test('a key that was used with another body is refused, and the first answer stays', async () => {
  const paid = await world.pay();
  const { payment_id } = paid;
  const first = await service.post('/v1/refunds', { payment_id, amount_cents: 100 }, keyed('one-thing'));
  for (const other of [{ payment_id, amount_cents: 101 }, { payment_id }]) {
    const refused = await service.post('/v1/refunds', other, keyed('one-thing'));
    assert.deepEqual(
      [refused.status, refused.body],
      [
        422,
        {
          error: 'validation_error',
          field: 'Idempotency-Key',
          message: 'This Idempotency-Key was used for another request: what is meant anew needs a new key.',
        },
      ],
    );
  }
  const again = await service.post('/v1/refunds', { payment_id, amount_cents: 100 }, keyed('one-thing'));
  assert.equal(again.text, first.text);
  assert.equal(world.refundsAtStripe(paid).length, 1);
});

for (const [what, key] of [
  ['empty', ''],
  ['an empty string', '""'],
  ['with a space', 'a b'],
  ['longer than 255 characters', 'k'.repeat(256)],
  ['not ASCII', 'clé'],
] as const) {
  test(`a key that is ${what} is malformed, and nothing is done`, async () => {
    const paid = await world.pay();
    const headers = keyed(Buffer.from(key).toString('latin1'));
    const { status, body } = await service.post('/v1/refunds', { payment_id: paid.payment_id }, headers);
    assert.deepEqual([status, body.error, body.field], [400, 'validation_error', 'Idempotency-Key']);
    assert.match(body.message, /1 to 255 letters, digits and signs without spaces/);
    assert.deepEqual(world.refundsAtStripe(paid), []);
  });
}

test('a key of 255 characters is one', async () => {
  const { payment_id } = await world.pay();
  const { status } = await service.post('/v1/refunds', { payment_id }, keyed('k'.repeat(255)));
  assert.equal(status, 201);
});

test('two keys on one request are malformed: neither is taken for the other', async () => {
  const paid = await world.pay();
  const { access_token } = await world.issuer.mintToken({ scope: 'write:refunds' });
  const body = JSON.stringify({ payment_id: paid.payment_id });
  const answer = await sendRaw(
    world.port,
    `POST /v1/refunds HTTP/1.1\r\nHost: here\r\nConnection: close\r\nAuthorization: Bearer ${access_token}\r\nContent-Type: application/json\r\nIdempotency-Key: one\r\nIdempotency-Key: two\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  assert.equal(answer.status, 400);
  assert.match(answer.body, /given once/);
  assert.deepEqual(world.refundsAtStripe(paid), []);
});

test('the same key of another caller, another brand, another operation or for another refund stands for another thing', async () => {
  const paid = await world.pay();
  const { payment_id } = paid;
  const body = { payment_id, amount_cents: 100 };
  const agent = await world.caller({ as: 'agent' });
  const approver = await world.caller({ as: 'approver' });
  const answers = [
    await service.post('/v1/refunds', body, keyed('shared')),
    await service.post('/v1/admin/refunds', body, keyed('shared')),
    await agent.post('/v1/admin/refunds', body, keyed('shared')),
    await approver.post('/v1/admin/refunds', body, keyed('shared')),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [201, 201, 201, 201],
  );
  assert.equal(world.refundsAtStripe(paid).length, 4);
  const stranger = await world.caller({ scope: 'write:refunds', brand: 'another' });
  assert.equal((await stranger.post('/v1/refunds', body, keyed('shared'))).status, 404);

  const [one, other] = answers;
  const sync = (refund_id: string | undefined) =>
    service.post(`/v1/admin/refunds/${refund_id}/sync`, {}, keyed('shared'));
  assert.equal((await sync(one?.body.refund_id)).status, 200);
  // The operation's key was used, for another refund.
  assert.equal((await sync(other?.body.refund_id)).status, 422);
});

test('a body that is left out and an empty one are the same request', async () => {
  const { payment_id } = await world.pay();
  const { body } = await service.post('/v1/admin/refunds', { payment_id });
  const path = `/v1/admin/refunds/${body.refund_id}/sync`;
  const first = await service.post(path, undefined, keyed('bodiless'));
  const again = await service.post(path, {}, keyed('bodiless'));
  assert.deepEqual([first.status, again.status, again.text], [200, 200, first.text]);
});
