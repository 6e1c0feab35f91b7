import assert from 'node:assert/strict';
import Stripe from 'stripe';
import { API_SCOPES } from '../../local/issuer/scopes.ts';
import { failRefund } from '../../local/stripe/resources/refunds.ts';
import { READ_EVENTS } from '../../service/src/audit/record.ts';
import type { Queryable } from '../../service/src/database/pool.ts';
import { type IssuingWorld, type PaidCharge, startIssuing } from './issuing.ts';
import { makeDifference, makePayment } from './make.ts';

/** One brand's things, one of each kind; and more of those that can be used up. */
export interface BrandWorld {
  brand_id: string;
  /** Of a service that may do everything, of this brand only. */
  token: string;
  customer_id: string;
  paid: PaidCharge;
  /** One that has succeeded. */
  refund_id: string;
  stripe_refund_id: string;
  /** One that awaits approval, and stays so. */
  awaiting_id: string;
  dispute: { dispute_id: string; payment_id: string };
  /** Of Stripe's, about this brand's charge. */
  event: { event_id: string; stripe_event_id: string };
  /** Between the books and Stripe, and stays open. */
  difference_id: string;
  /** A batch of refunds of which nothing is sent. */
  draft_id: string;
  /** Where events of this brand go, though no worker is there; and one that is to go there. */
  endpoint_id: string;
  event_id: string;
  /** Another endpoint. */
  endpoint(): Promise<string>;
  /** One that is run, though no worker is there. */
  running_id: string;
  pay(): Promise<PaidCharge>;
  /** Another refund that awaits approval. */
  awaiting(): Promise<string>;
  /** Another refund that succeeded and then failed, so that its customer is owed. */
  bounced(): Promise<string>;
  /** Another difference with Stripe that is left for a person. */
  differing(): Promise<string>;
  /** Another batch of two refunds, as a draft or run. */
  batch(status: 'draft' | 'running'): Promise<string>;
}

export interface TwoBrands extends IssuingWorld {
  one: BrandWorld;
  other: BrandWorld;
}

/** What an agent refunds by themselves; above that somebody else has to approve it. */
const LIMIT_cents = 50_000;
const WEBHOOK_SECRET = 'whsec_test';

/** The service with the books of two brands, `default` and `second`, which look alike. */
export async function startTwoBrands(): Promise<TwoBrands> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(
    await startIssuing({
      approvalLimits: { agent: { usd: LIMIT_cents } },
      webhook: { secrets: [WEBHOOK_SECRET], live: false },
      sending: { breaks_after: 1_000_000 },
    }),
  );
  const one = await fillBrand(world, 'default');
  const other = await fillBrand(world, 'second');
  const owned = stack.move();
  return { ...world, one, other, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function fillBrand(world: IssuingWorld, brand_id: string): Promise<BrandWorld> {
  const { access_token: token } = await world.issuer.mintToken({
    scope: API_SCOPES.join(' '),
    brand: brand_id,
  });
  const service = await world.caller({ scope: API_SCOPES.join(' '), brand: brand_id });
  const customer_id = `customer_of_${brand_id}`;
  const pay = () => world.pay({ brand_id, customer_id, amount_cents: 100_000 });
  const agent = await world.caller({ as: 'agent', brand: brand_id });
  const issue = async (amount_cents: number, caller = service) => {
    const { payment_id } = await pay();
    const { status, body } = await caller.post('/v1/admin/refunds', { payment_id, amount_cents });
    assert.ok(status < 300, JSON.stringify(body));
    return body;
  };
  const paid = await pay();
  const { refund_id, stripe_refund_id } = await issue(1_000);
  const { disputeIds, payment } = await makePayment(world.pool, {
    brand_id,
    customer_id,
    disputes: [{}],
  });
  const brand: BrandWorld = {
    brand_id,
    token,
    customer_id,
    paid,
    refund_id,
    stripe_refund_id: String(stripe_refund_id),
    awaiting_id: '',
    dispute: { dispute_id: String(disputeIds[0]), payment_id: payment.payment_id },
    event: await receiveEvent(world.url, paid.charge_id, `evt_of_${brand_id}`),
    difference_id: await makeDifference(world.pool, { brand_id, entity_id: refund_id }),
    pay,
    async awaiting() {
      const asked = await issue(LIMIT_cents + 1, agent);
      assert.equal(asked.status, 'awaiting_approval');
      return asked.refund_id;
    },
    async bounced() {
      const made = await issue(2_000);
      failRefund(world.standIn.world, String(made.stripe_refund_id), 'lost_or_stolen_card');
      await service.post(`/v1/admin/refunds/${made.refund_id}/sync`);
      return made.refund_id;
    },
    differing: () => makeDifference(world.pool, { brand_id, entity_id: refund_id }),
    async batch(status) {
      const row = { payment_id: paid.payment_id, amount_cents: 100, reason: 'other' };
      const { body } = await service.post<{ batch_id: string }>('/v1/admin/refund-batches', {
        rows: [row, row],
      });
      const { batch_id } = body;
      if (status === 'running') await service.post(`/v1/admin/refund-batches/${batch_id}/run`);
      return batch_id;
    },
    async endpoint() {
      const { status, body, text } = await service.post<{ endpoint_id: string }>(
        '/v1/admin/event-endpoints',
        {
          url: 'https://shop.example/events',
          event_types: ['*'],
        },
      );
      assert.equal(status, 201, text);
      return body.endpoint_id;
    },
    draft_id: '',
    running_id: '',
    endpoint_id: '',
    event_id: '',
  };
  brand.draft_id = await brand.batch('draft');
  brand.running_id = await brand.batch('running');
  brand.endpoint_id = await brand.endpoint();
  const { body: sent } = await service.post<{ event_id: string }>(
    `/v1/admin/event-endpoints/${brand.endpoint_id}/test`,
  );
  brand.event_id = sent.event_id;
  brand.awaiting_id = await brand.awaiting();
  return brand;
}

/** Tells the service of a charge, as Stripe does. */
export async function receiveEvent(url: string, chargeId: string, stripe_event_id: string) {
  const payload = JSON.stringify({
    id: stripe_event_id,
    object: 'event',
    type: 'charge.updated',
    created: Math.floor(Date.now() / 1000),
    livemode: false,
    data: { object: { id: chargeId, object: 'charge' } },
  });
  const response = await fetch(`${url}/v1/webhooks/stripe`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'stripe-signature': signEvent(payload),
    },
    body: payload,
  });
  assert.equal(response.status, 200);
  const { event_id } = (await response.json()) as { event_id: string };
  return { event_id, stripe_event_id };
}

/** A `Stripe-Signature` that is good for the webhook of these worlds. */
export const signEvent = (payload: string): string =>
  Stripe.webhooks.generateTestHeaderString({ payload, secret: WEBHOOK_SECRET });

/**
 * A fingerprint of every row of every table, by table. Left out is what only tells that somebody was here: audit rows of reads, which
 * are written a moment later, and how often something was done in the last minute.
 */
export async function digestBooks(db: Queryable): Promise<Record<string, string>> {
  const { rows: tables } = await db.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname = 'public' AND tablename <> 'rate_counts' OR schemaname LIKE 'graphile%'
     ORDER BY 1`,
  );
  const digests: Record<string, string> = {};
  for (const { name } of tables) {
    const where =
      name === 'public.audit_log' ? 'WHERE event_type <> ALL ($1)' : 'WHERE $1::text[] IS NOT NULL';
    const { rows } = await db.query<{ digest: string }>(
      `SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) AS digest FROM ${name} AS t ${where}`,
      [READ_EVENTS],
    );
    digests[name] = String(rows[0]?.digest);
  }
  return digests;
}

/** Everything by which something of a brand's is known: its ids, here and at Stripe, and its customers. */
export async function namesOf(db: Queryable, brandId: string): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT DISTINCT name FROM (
       SELECT unnest(ARRAY[payment_id, customer_id, stripe_charge_id, stripe_payment_intent_id]) AS name
         FROM payments WHERE brand_id = $1
       UNION ALL SELECT unnest(ARRAY[refund_id, stripe_refund_id]) FROM refunds WHERE brand_id = $1
       UNION ALL SELECT unnest(ARRAY[dispute_id, stripe_dispute_id]) FROM disputes WHERE brand_id = $1
       UNION ALL SELECT difference_id FROM reconcile_differences WHERE brand_id = $1
       UNION ALL SELECT batch_id FROM refund_batches WHERE brand_id = $1
       UNION ALL SELECT endpoint_id FROM event_endpoints WHERE brand_id = $1
       UNION ALL SELECT event_id FROM outbox WHERE brand_id = $1
     ) AS names WHERE name IS NOT NULL`,
    [brandId],
  );
  return rows.map(({ name }) => name);
}
