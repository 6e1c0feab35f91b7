import type Stripe from 'stripe';
import type { MintedToken, TokenRequest } from '../issuer/mint.ts';
import type { World } from '../stripe/world.ts';
import { type Chance, createChance } from './chance.ts';

/** The service, as those see it who work with it. */
export interface Desk {
  serviceUrl: string;
  mintToken(request: TokenRequest): Promise<MintedToken>;
}

/** An agent refunds up to this much alone (smallest unit). */
export const APPROVAL_LIMITS =
  'agent:eur=10000,agent:usd=10000,agent:gbp=10000,agent:jpy=15000,agent:chf=10000';

const REFUNDS = 60;
const REASONS = ['requested_by_customer', 'duplicate', 'not_received', 'defective', 'returned', 'goodwill'];
const NOTES = [
  'The customer wrote twice; apologised.',
  'Photo of the parcel is in the ticket.',
  'Agreed with the warehouse.',
  'Second month in a row: offer a call.',
];

/**
 * Lets people and a service ask for refunds through the service's own API: some go out at once, some wait for somebody else's
 * word, some have got it. The same keys every time, so that a start that was stopped on the way asks for nothing twice.
 */
export async function askForRefunds(
  world: World,
  desk: Desk,
  seed: number,
  progress: (done: number) => void,
): Promise<void> {
  const chance = createChance(seed);
  const agent = await openDesk(desk, { as: 'agent' });
  const approver = await openDesk(desk, { as: 'approver' });
  const service = await openDesk(desk, { scope: 'admin:refunds.issue' });
  const charges = world.store
    .list('charge', { where: {}, created: {}, limit: 2_000 })
    .map(({ body }) => body)
    .filter(isRefundable);
  for (let number = 0; number < REFUNDS; number += 1) {
    const charge = charges[chance.whole(0, charges.length - 1)];
    if (charge === undefined) return;
    const asker = chance.happens(0.75) ? agent : service;
    const asked = await asker.issue(`sample-${number}`, {
      charge_id: charge.id,
      ...inventAsk(chance, charge),
    });
    const verdict = chance.oneOf<'approve' | 'reject' | undefined>([
      [6, undefined],
      [3, 'approve'],
      [1, 'reject'],
    ]);
    if (asked.status === 'awaiting_approval' && verdict !== undefined) {
      await approver.decide(`sample-${number}-${verdict}`, String(asked.refund_id), verdict);
    }
    progress((number + 1) / REFUNDS);
  }
}

/** What somebody asks for of a charge, in whole or in part. */
function inventAsk(chance: Chance, charge: Stripe.Charge): Record<string, unknown> {
  const left = charge.amount_captured - charge.amount_refunded;
  return {
    ...(chance.happens(0.5)
      ? { amount_cents: Math.max(1, Math.floor(left * chance.between(0.2, 0.8))) }
      : {}),
    reason: REASONS[chance.whole(0, REASONS.length - 1)],
    ...(chance.happens(0.4) ? { note: NOTES[chance.whole(0, NOTES.length - 1)] } : {}),
  };
}

/** Of the default brand, since the people of the sample belong to no other, and with something left. */
function isRefundable(charge: Stripe.Charge): boolean {
  return (
    charge.status === 'succeeded' &&
    charge.captured &&
    !charge.disputed &&
    charge.metadata.brand_id === undefined &&
    charge.amount_captured > charge.amount_refunded
  );
}

/** Somebody with a token, who asks and decides. */
async function openDesk({ serviceUrl, mintToken }: Desk, who: TokenRequest) {
  const { access_token } = await mintToken(who);
  const post = async (path: string, key: string, body: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(new URL(path, serviceUrl), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${access_token}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  return {
    issue: (key: string, body: unknown) => post('/v1/admin/refunds', key, body),
    decide: (key: string, refundId: string, verdict: 'approve' | 'reject') =>
      post(`/v1/admin/refunds/${refundId}/${verdict}`, key, {}),
  };
}

/** Lets an agent refund a charge, as one does at a desk; whatever the service says to it is fine. */
export async function refundAtDesk(desk: Desk, chance: Chance, charge: Stripe.Charge): Promise<void> {
  const agent = await openDesk(desk, { as: 'agent' });
  await agent.issue(`live-${crypto.randomUUID()}`, { charge_id: charge.id, ...inventAsk(chance, charge) });
}
