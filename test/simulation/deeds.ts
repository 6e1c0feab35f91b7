import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import type Stripe from 'stripe';
import { StripeFailure } from '../../local/stripe/errors.ts';
import { idOf } from '../../local/stripe/resources/charges.ts';
import { openDispute, setDisputeStatus } from '../../local/stripe/resources/disputes.ts';
import { capturePaymentIntent, createPaymentIntent } from '../../local/stripe/resources/payment_intents.ts';
import {
  cancelRefund,
  createRefund,
  failRefund,
  requireRefundAction,
  setRefundReference,
  settleRefund,
} from '../../local/stripe/resources/refunds.ts';
import { isDatabaseUnavailable } from '../../service/src/database/unavailable.ts';
import { stripeFailure } from '../../service/src/stripe/client.ts';
import { ReconcileRunning } from '../../service/src/stripe/reconcile/reconcile.ts';
import { count, describe, type Tally } from './history.ts';
import { isAnswered, isFinal, noteSend, type Wish } from './ledger.ts';
import type { AmountPlan, Deed, Step } from './schedule.ts';
import type { World } from './world.ts';

/** One schedule while it happens. */
export interface Play {
  world: World;
  wishes: Wish[];
  history: string[];
  tally: Tally;
  /** What must not have happened. */
  violations: string[];
  /** What has begun and is not over. */
  underWay: Set<Promise<void>>;
}

const LAST_CHARGE = 10_000;
/** Longer than anything takes here. */
const HANGS_AFTER_ms = 30_000;

export async function play(playing: Play, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    count(playing.tally.operations, step.do);
    const line = playing.history.push(describe(step)) - 1;
    const work = doDeed(playing, step)
      .then((outcome) => {
        if (outcome !== undefined) playing.history[line] += ` → ${outcome}`;
      })
      .catch((error: unknown) => {
        if (error instanceof NobodyHasPaid) return;
        playing.violations.push(`${step.do}: ${error instanceof Error ? error.stack : String(error)}`);
      })
      .finally(() => playing.underWay.delete(work));
    playing.underWay.add(work);
    if (step.pace === 'wait') await within(playing, work, step.do);
    else if (step.pace === 'moment') await pause(3);
    else await turn();
  }
}

/** Waits until all that has begun is over. */
export async function land(playing: Play): Promise<void> {
  await within(playing, Promise.all(playing.underWay), 'what was under way');
}

async function within(playing: Play, work: Promise<unknown>, name: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<true>((resolve) => {
    timer = setTimeout(() => resolve(true), HANGS_AFTER_ms);
  });
  if ((await Promise.race([work, late])) === true) playing.violations.push(`it hangs: ${name}`);
  clearTimeout(timer);
}

async function doDeed(playing: Play, deed: Deed): Promise<string | undefined> {
  const { world, tally } = playing;
  const { standIn } = world;
  switch (deed.do) {
    case 'pay':
      return stripeDoes(() => {
        const { intent } = createPaymentIntent(standIn.world, {
          amount: deed.amount_cents,
          currency: deed.currency,
          payment_method: deed.card,
          confirm: true,
          capture_method: deed.capture === 'all' ? 'automatic' : 'manual',
          metadata: { customer_id: `customer_${deed.customer}` },
        });
        const part = Math.ceil(deed.amount_cents * 0.6);
        if (deed.capture === 'part')
          capturePaymentIntent(standIn.world, intent.id, { amount_to_capture: part });
        return `${idOf(intent.latest_charge)}`;
      });
    case 'capture':
      return stripeDoes(() => {
        const charge = chargeOf(world, deed.payment);
        const amount = Math.max(1, Math.floor(charge.amount * deed.share));
        capturePaymentIntent(standIn.world, idOf(charge.payment_intent) ?? '', { amount_to_capture: amount });
      });
    case 'issue':
      return await issue(playing, deed);
    case 'again': {
      const keyed = playing.wishes.filter(({ key, operation }) => key !== null && operation === 'issue');
      const wish = keyed[deed.request % Math.max(1, keyed.length)];
      if (wish === undefined) return 'nothing to ask again';
      if (!deed.other_body) return await send(playing, wish, deed.instance);
      const cents = (wish.amount_cents ?? 0) + 1;
      const other = makeWish(playing, {
        ...wish,
        body: { ...wish.body, amount_cents: cents },
        amount_cents: cents,
      });
      return await send(playing, other, deed.instance);
    }
    case 'decide':
      return await decide(playing, deed);
    case 'resolve':
      return await resolve(playing, deed);
    case 'read': {
      const refund_id = await refundOf(world, deed.refund, false);
      const path = refund_id === undefined ? '?needs_attention=true' : `/${refund_id}`;
      const reply = await world.call(deed.instance, {
        method: 'GET',
        path: `/v1/admin/refunds${path}`,
        headers: { authorization: `Bearer ${deed.caller}` },
      });
      if (reply?.status === 500) playing.violations.push(`GET ${path} was answered 500`);
      return `${reply?.status ?? 'no answer'}`;
    }
    case 'dashboard_refund':
      return stripeDoes(() => {
        const charge = chargeOf(world, deed.payment);
        const amount = resolveAmount(deed.amount, charge);
        return createRefund(standIn.world, { charge: charge.id, amount, behaviour: deed.behaviour }).id;
      });
    case 'at_stripe':
      return stripeDoes(() => {
        const refund = pickLast(standIn.world.store.list('refund', EVERYTHING), deed.refund)?.body;
        if (refund === undefined) return 'no refund';
        const act = {
          settle: settleRefund,
          fail: failRefund,
          require_action: requireRefundAction,
          cancel: cancelRefund,
        };
        if (deed.verb === 'reference') setRefundReference(standIn.world, refund.id);
        else act[deed.verb](standIn.world, refund.id);
        return refund.id;
      });
    case 'dispute':
      return stripeDoes(() => {
        const charge = chargeOf(world, deed.payment);
        const amount = Math.max(1, Math.floor(charge.amount_captured * deed.share));
        return openDispute(standIn.world, { charge: charge.id, amount, inquiry: deed.inquiry }).id;
      });
    case 'dispute_status':
      return stripeDoes(() => {
        const dispute = pickLast(standIn.world.store.list('dispute', EVERYTHING), deed.dispute)?.body;
        if (dispute !== undefined) setDisputeStatus(standIn.world, dispute.id, deed.status);
        return dispute?.id;
      });
    case 'stripe_fault':
      standIn.faults.add(deed.rule);
      return undefined;
    case 'webhook_fault':
      standIn.faults.addWebhook(deed.rule);
      return undefined;
    case 'redeliver': {
      const event = pickLast(standIn.world.store.list('event', EVERYTHING), deed.event)?.id;
      if (event === undefined) return 'no event';
      standIn.deliverer.redeliver(event);
      return event;
    }
    case 'deliver':
      await standIn.deliverer.idle();
      return undefined;
    case 'inbox':
      return await outlived(() => world.instance(deed.instance).workInbox());
    case 'recover':
      return await outlived(async () => String(await world.instance(deed.instance).recover()));
    case 'reconcile':
      return await outlived(async () => {
        const differences = await world.instance(deed.instance).reconcile();
        return differences.map(({ kind, done }) => `${kind} ${done}`).join(', ');
      });
    case 'die':
      world.instance(deed.instance).life.arm(deed.after_io, deed.sent);
      return undefined;
    case 'cut':
      count(tally.faults, 'database connections ended', await world.cutConnections(deed.connections));
      return undefined;
    case 'crash_database':
      await world.crashDatabase();
      count(tally.faults, 'database crashed');
      return undefined;
    case 'pass':
      await world.pass(deed.time_s);
      count(
        tally.faults,
        `clock jumped ${deed.time_s > 86_400 * 30 ? '> 30 days' : deed.time_s > 86_400 ? '> 24 h' : '≤ 24 h'}`,
      );
      return undefined;
  }
}

const EVERYTHING = { where: {}, created: {}, limit: LAST_CHARGE };
const pickLast = <T>(items: readonly T[], n: number): T | undefined => items[n % Math.max(1, items.length)];

/** Something that Stripe does or lets be done; where it refuses, that is that. */
function stripeDoes(work: () => unknown): string | undefined {
  try {
    const outcome = work();
    return typeof outcome === 'string' ? outcome : undefined;
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error;
    return `refused: ${error.detail.message}`;
  }
}

/** Background work that may fail for want of a neighbour, and is done again later. */
export async function outlived(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    const outcome = await work();
    return typeof outcome === 'string' ? outcome : undefined;
  } catch (error) {
    const excused =
      isDatabaseUnavailable(error) || stripeFailure(error) !== undefined || error instanceof ReconcileRunning;
    if (!excused) throw error;
    return `failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

class NobodyHasPaid extends Error {}

function chargeOf({ standIn }: World, n: number): Stripe.Charge {
  const charges = standIn.world.store.list('charge', EVERYTHING).reverse();
  const charge = charges[n % Math.max(1, charges.length)];
  if (charge === undefined) throw new NobodyHasPaid();
  return charge.body;
}

function resolveAmount(plan: AmountPlan, charge: Stripe.Charge): number | undefined {
  const left = charge.amount_captured - charge.amount_refunded;
  if (plan === 'full') return undefined;
  if (plan === 'rest') return Math.max(1, left);
  if (plan === 'rest_and_one') return Math.max(1, left + 1);
  if (plan === 'too_much') return Math.max(1, charge.amount * 2);
  if ('cents' in plan) return plan.cents;
  return Math.max(1, Math.floor(charge.amount_captured * plan.share));
}

function makeWish(playing: Play, wish: Omit<Wish, 'number' | 'sends' | 'took_time'>): Wish {
  const made = { ...wish, number: playing.wishes.length, sends: [], took_time: false };
  playing.wishes.push(made);
  return made;
}

async function issue(playing: Play, deed: Extract<Deed, { do: 'issue' }>): Promise<string> {
  const { world } = playing;
  const charge = chargeOf(world, deed.payment);
  const amount_cents = resolveAmount(deed.amount, charge);
  const asked = amount_cents === undefined ? {} : { amount_cents };
  let of: Record<string, unknown> = { charge_id: charge.id };
  if (deed.by !== 'charge') {
    const [payment] = await world.query('SELECT payment_id FROM payments WHERE stripe_charge_id = $1', [
      charge.id,
    ]);
    if (payment === undefined && deed.by === 'service') return 'the payment is not known yet';
    if (payment !== undefined) of = { payment_id: payment.payment_id };
  }
  const left = charge.amount_captured - charge.amount_refunded;
  const tag = `wish ${playing.wishes.length}`;
  const wish = makeWish(playing, {
    operation: 'issue',
    caller: deed.caller,
    path: deed.by === 'service' ? '/v1/refunds' : '/v1/admin/refunds',
    body:
      deed.by === 'service'
        ? { ...of, ...asked, reason: tag }
        : {
            ...of,
            ...asked,
            note: tag,
            ...(deed.reason === null ? {} : { reason: deed.reason }),
            ...(deed.expects ? { expected_refundable_cents: left } : {}),
          },
    key: deed.keyed ? `key_${playing.wishes.length}` : null,
    tag,
    amount_cents,
    refund_id: null,
  });
  const began_ms = world.clock.jumped_ms;
  const clicks = Array.from({ length: deed.clicks }, async (_click, n) => {
    let outcome = await send(playing, wish, deed.instance + n);
    // Who has no key does not dare to ask again.
    for (let left = wish.key === null ? 0 : deed.retries; left > 0 && !isAnswered(wish); left -= 1) {
      await pause(4);
      outcome = `${outcome}, ${await send(playing, wish, deed.instance + n + left)}`;
    }
    return outcome;
  });
  const outcomes = await Promise.all(clicks);
  wish.took_time = world.clock.jumped_ms !== began_ms;
  return `${tag} ${charge.id} ${amount_cents ?? 'full'}: ${outcomes.join(' | ')}`;
}

/** Sends a wish once to an instance. */
export async function send(playing: Play, wish: Wish, instance: number): Promise<string> {
  const reply = await playing.world.call(instance, {
    method: 'POST',
    path: wish.path,
    headers: {
      authorization: `Bearer ${wish.caller}`,
      'content-type': 'application/json',
      ...(wish.key === null ? {} : { 'idempotency-key': wish.key }),
    },
    body: JSON.stringify(wish.body),
  });
  noteSend(wish, reply);
  const told = wish.sends.at(-1);
  count(playing.tally.answers, reply === undefined ? 'none' : String(reply.status));
  if (reply?.status === 500 || reply?.status === 400 || reply?.status === 401) {
    playing.violations.push(`wish ${wish.number} (${wish.path}) was answered ${reply.status}: ${reply.text}`);
  }
  if (told === undefined || reply === undefined) return 'no answer';
  const { body } = told;
  return isFinal(told) && reply.status < 300
    ? `${reply.status} ${body.refund_id} ${body.status} ${body.stripe_refund_id}`
    : `${reply.status} ${body.message}`;
}

/** Refund n of the books, or n of those that await approval. */
async function refundOf(world: World, n: number, awaiting: boolean): Promise<string | undefined> {
  const rows = await world.query<{ refund_id: string }>(
    `SELECT refund_id FROM refunds WHERE NOT $1 OR status = 'awaiting_approval' ORDER BY created_at DESC, refund_id DESC`,
    [awaiting],
  );
  return pickLast(rows, n)?.refund_id;
}

async function decide(playing: Play, deed: Extract<Deed, { do: 'decide' }>): Promise<string> {
  const refund_id = await refundOf(playing.world, deed.refund, deed.awaiting);
  if (refund_id === undefined) return 'no refund';
  const outcomes = deed.verdicts.map(async ({ verb, caller, instance, keyed }) => {
    const wish = makeWish(playing, {
      operation: verb,
      caller,
      path: `/v1/admin/refunds/${refund_id}/${verb}`,
      body: {},
      key: keyed ? `key_${playing.wishes.length}` : null,
      tag: null,
      amount_cents: undefined,
      refund_id,
    });
    return `${verb} ${await send(playing, wish, instance)}`;
  });
  return `${refund_id}: ${(await Promise.all(outcomes)).join(' | ')}`;
}

async function resolve(playing: Play, deed: Extract<Deed, { do: 'resolve' }>): Promise<string> {
  const { world } = playing;
  const owed = await world.query<{ refund_id: string; payment_id: string }>(
    'SELECT refund_id, payment_id FROM refunds WHERE owed_cents > 0 ORDER BY created_at, refund_id',
  );
  const refund = pickLast(owed, deed.refund);
  if (refund === undefined) return 'nothing is owed';
  const others = await world.query<{ refund_id: string }>(
    'SELECT refund_id FROM refunds WHERE payment_id = $1 AND refund_id <> $2 ORDER BY created_at, refund_id',
    [refund.payment_id, refund.refund_id],
  );
  const other = pickLast(others, deed.refund);
  const again = deed.resolution === 'refunded_again' && other !== undefined;
  const wish = makeWish(playing, {
    operation: 'resolve',
    caller: deed.caller,
    path: `/v1/admin/refunds/${refund.refund_id}/resolve`,
    body: again
      ? { resolution: 'refunded_again', replacement_refund_id: other.refund_id }
      : {
          resolution: deed.resolution === 'not_owed' ? 'not_owed' : 'paid_otherwise',
          reference: 'transfer 1',
        },
    key: null,
    tag: null,
    amount_cents: undefined,
    refund_id: refund.refund_id,
  });
  return `${refund.refund_id}: ${await send(playing, wish, deed.instance)}`;
}
