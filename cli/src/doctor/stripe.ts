import Stripe from 'stripe';
import type { Config } from '../../../service/src/config.ts';
import { createStripe, explainStripe, isLiveKey } from '../../../service/src/stripe/client.ts';
import { compareClocks, type Finding } from './finding.ts';

/** What the service asks Stripe for. */
const READS: readonly [name: string, read: (stripe: Stripe) => Promise<unknown>][] = [
  ['charges', (stripe) => stripe.charges.list({ limit: 1 })],
  ['payment intents', (stripe) => stripe.paymentIntents.list({ limit: 1 })],
  ['refunds', (stripe) => stripe.refunds.list({ limit: 1 })],
  ['disputes', (stripe) => stripe.disputes.list({ limit: 1 })],
  ['invoice payments', (stripe) => stripe.invoicePayments.list({ limit: 1 })],
];

/** What has to be told for the books to be right; the rest is made good by reconciliation. */
const EVENTS = [
  'charge.succeeded',
  'charge.updated',
  'charge.refunded',
  'refund.created',
  'refund.updated',
  'refund.failed',
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.dispute.closed',
];
const PATH = '/v1/webhooks/stripe';

export async function* checkStripe(config: Config): AsyncGenerator<Finding> {
  const what = 'stripe';
  const stripe = createStripe({
    api_key: config.stripe_api_key,
    api_base: config.stripe_api_base,
    rate_limit_retries: 1,
  });
  try {
    await stripe.balance.retrieve();
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripePermissionError)) {
      yield {
        what,
        state: 'wrong',
        sentence: explainStripe(error) ?? 'it cannot be asked',
        mend: 'Look at STRIPE_API_KEY, STRIPE_API_BASE and what keeps this machine from reaching it.',
      };
      return;
    }
  }
  const live = isLiveKey(config.stripe_api_key);
  yield {
    what,
    state: 'ok',
    sentence: `it takes STRIPE_API_KEY, a key of ${live === true ? 'live' : 'test'} mode`,
  };
  const refused: string[] = [];
  for (const [name, read] of READS) {
    await read(stripe).catch((error: unknown) => {
      if (error instanceof Stripe.errors.StripePermissionError) refused.push(name);
      else throw error;
    });
  }
  yield refused.length === 0
    ? { what, state: 'ok', sentence: 'the key may read all that is needed' }
    : {
        what,
        state: 'wrong',
        sentence: `the key may not read: ${refused.join(', ')}`,
        mend: 'Give the restricted key read permission for them in Stripe’s dashboard (Developers, API keys).',
      };
  yield await mayRefund(stripe);
  yield* checkClock(config);
  yield* checkEndpoint(stripe, config);
}

/** Asked for a refund of what is not there: whoever may, is told that it is not there. */
async function mayRefund(stripe: Stripe): Promise<Finding> {
  const what = 'stripe';
  try {
    await stripe.refunds.create({ charge: 'ch_of_nobody_asked_by_the_doctor' });
  } catch (error) {
    if (error instanceof Stripe.errors.StripePermissionError) {
      return {
        what,
        state: 'wrong',
        sentence: 'the key may not make refunds',
        mend: 'Give the restricted key write permission for refunds.',
      };
    }
    if (error instanceof Stripe.errors.StripeInvalidRequestError) {
      return { what, state: 'ok', sentence: 'the key may make refunds' };
    }
    throw error;
  }
  return { what, state: 'warning', sentence: 'it took a refund of a charge that is not there' };
}

async function* checkClock({ stripe_api_base }: Config): AsyncGenerator<Finding> {
  const response = await fetch(stripe_api_base, { redirect: 'manual' }).catch(() => undefined);
  const date = response?.headers.get('date');
  if (date) yield compareClocks('stripe', new Date(date));
}

async function* checkEndpoint(stripe: Stripe, { public_url }: Config): AsyncGenerator<Finding> {
  const what = 'webhook endpoint';
  let endpoints: Stripe.WebhookEndpoint[];
  try {
    endpoints = (await stripe.webhookEndpoints.list({ limit: 100 })).data;
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripePermissionError)) throw error;
    yield {
      what,
      state: 'warning',
      sentence: 'the key may not look at webhook endpoints, so this was not looked at',
    };
    return;
  }
  const ours = endpoints.filter(({ url }) => {
    const { origin, pathname } = new URL(url);
    return pathname === PATH && (public_url === undefined || origin === new URL(public_url).origin);
  });
  if (ours.length === 0) {
    yield {
      what,
      state: 'wrong',
      sentence: 'Stripe tells nobody here of anything',
      mend: `Create an endpoint in Stripe’s dashboard (Developers, Webhooks) that leads to ${public_url ?? 'https://<this service>'}${PATH}, and set STRIPE_WEBHOOK_SECRET to its signing secret.`,
    };
    return;
  }
  for (const { status, enabled_events, id } of ours) {
    if (status !== 'enabled') {
      yield {
        what,
        state: 'wrong',
        sentence: `${id} is switched off`,
        mend: 'Switch it on in Stripe’s dashboard.',
      };
      continue;
    }
    const missing = enabled_events.includes('*')
      ? []
      : EVENTS.filter((type) => !enabled_events.includes(type as never));
    yield missing.length === 0
      ? { what, state: 'ok', sentence: `${id} is told of what is needed` }
      : {
          what,
          state: 'warning',
          sentence: `${id} is not told of ${missing.join(', ')}`,
          mend: 'Add them to it in Stripe’s dashboard.',
        };
  }
}
