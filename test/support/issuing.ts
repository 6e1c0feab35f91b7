import type Stripe from 'stripe';
import { idOf } from '../../local/stripe/resources/charges.ts';
import { createPaymentIntent } from '../../local/stripe/resources/payment_intents.ts';
import { type StripeStandIn, type StripeStandInOptions, startStripe } from '../../local/stripe/server.ts';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { createMetrics } from '../../service/src/health/metrics.ts';
import type { Refund } from '../../service/src/refunds/queries.ts';
import type { SubmitDeps } from '../../service/src/refunds/submit.ts';
import { takeTurns } from '../../service/src/refunds/turns.ts';
import { createStripe } from '../../service/src/stripe/client.ts';
import { createProvider } from '../../service/src/stripe/provider.ts';
import { startTestApp, type TestApp, type TestAppOptions } from './app.ts';
import { assertBooksBalance } from './books.ts';

/** The service's app with the stand-in behind it, and callers who issue refunds. */
export interface IssuingWorld extends TestApp {
  standIn: StripeStandIn;
  /** A payment at the stand-in that the books know; amounts in the smallest unit. */
  pay(options?: PayOptions): Promise<PaidCharge>;
  /** A caller: a service with these scopes, or a person of `local/issuer/people.ts`; of this instance unless another is named. */
  caller(who: { scope?: string; as?: string; brand?: string }, at?: Pick<TestApp, 'url'>): Promise<Caller>;
  /** What another process of the service has, to recover with. */
  deps: SubmitDeps;
  /** The refunds that the stand-in has of a payment, the latest first. */
  refundsAtStripe(paid: Pick<PaidCharge, 'payment_intent_id'>): Stripe.Refund[];
  /** A refund as its row has it. */
  row(refundId: string): Promise<Refund>;
  /** Moves what counts time in a refund's row into the past, as if it had been asked for that much earlier; it is due now. */
  age(refundId: string, by_s: number): Promise<void>;
  /** Whoever holds an unanswered key is taken to be dead from now on. */
  abandonKeys(): Promise<void>;
}

interface PayOptions {
  amount_cents?: number;
  currency?: string;
  customer_id?: string;
  payment_method?: string;
  /** Default: the default brand. */
  brand_id?: string;
}

export interface PaidCharge {
  payment_id: string;
  charge_id: string;
  payment_intent_id: string;
}

export interface Reply<Body> {
  status: number;
  headers: Headers;
  /** As it came over the wire. */
  text: string;
  body: Body;
}

/** What the answers of issuing have in them; which of it depends on the answer. */
export interface AnswerBody {
  refund_id: string;
  payment_id: string;
  charge_id: string | null;
  amount_cents: number;
  status: string;
  stripe_refund_id: string | null;
  error: string;
  message: string;
  field?: string;
  refundable_cents?: number;
}

export interface Caller {
  post<Body = AnswerBody>(
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Reply<Body>>;
  get<Body = AnswerBody>(path: string): Promise<Reply<Body>>;
}

export interface IssuingOptions extends Omit<TestAppOptions, 'stripe'> {
  stripe?: Partial<StripeStandInOptions>;
}

const isJson = ({ headers }: Response) =>
  headers.get('content-type')?.startsWith('application/json') === true;

export async function startIssuing({ stripe, ...options }: IssuingOptions = {}): Promise<IssuingWorld> {
  await using stack = new AsyncDisposableStack();
  const standIn = await startStripe({ databaseFile: ':memory:', apiKey: TEST_KEY, ...stripe });
  stack.defer(() => standIn.close());
  const app = stack.use(await startTestApp({ standIn, ...options }));
  const importer = createProvider({
    pool: app.pool,
    stripe: createStripe({ api_key: TEST_KEY, api_base: standIn.url }),
    default_brand: 'default',
    log: app.app.log as never,
    registry: createMetrics(),
    timeout_ms: 2_000,
    ...options.sending,
  });
  const owned = stack.move();
  return {
    ...app,
    standIn,
    deps: { pool: app.pool, provider: importer, turns: takeTurns(), log: app.app.log as never },
    refundsAtStripe: ({ payment_intent_id }) =>
      standIn.world.store
        .list('refund', { where: { payment_intent: payment_intent_id }, created: {}, limit: 100 })
        .map(({ body }) => body),
    async row(refundId) {
      const { rows } = await app.pool.query('SELECT * FROM refunds WHERE refund_id = $1', [refundId]);
      return rows[0];
    },
    async age(refundId, by_s) {
      await app.pool.query(
        `UPDATE refunds SET submitted_at = submitted_at - make_interval(secs => $2),
                            recover_at = least(recover_at, clock_timestamp()) - make_interval(secs => $2)
         WHERE refund_id = $1`,
        [refundId, by_s],
      );
    },
    async abandonKeys() {
      await app.pool.query(
        `UPDATE idempotency_keys SET held_until = clock_timestamp() - interval '1 second' WHERE answered_at IS NULL`,
      );
    },
    async pay({
      amount_cents = 10_000,
      currency = 'usd',
      customer_id = 'customer_1',
      brand_id,
      payment_method,
    } = {}) {
      const { intent } = createPaymentIntent(standIn.world, {
        amount: amount_cents,
        currency,
        payment_method: payment_method ?? 'pm_card_visa',
        confirm: true,
        metadata: { customer_id, ...(brand_id === undefined ? {} : { brand_id }) },
      });
      const charge_id = idOf(intent.latest_charge) ?? '';
      await importer.bringInCharge(charge_id, 'test');
      const { rows } = await app.pool.query('SELECT payment_id FROM payments WHERE stripe_charge_id = $1', [
        charge_id,
      ]);
      return { payment_id: rows[0].payment_id, charge_id, payment_intent_id: intent.id };
    },
    async caller(who, { url } = app) {
      const { access_token } = await app.issuer.mintToken(who);
      const send = async <Body>(path: string, init: RequestInit): Promise<Reply<Body>> => {
        const response = await fetch(`${url}${path}`, init);
        const text = await response.text();
        return {
          status: response.status,
          headers: response.headers,
          text,
          body: isJson(response) && text !== '' ? (JSON.parse(text) as Body) : ({} as Body),
        };
      };
      const authorization = `Bearer ${access_token}`;
      return {
        post: (path, body, headers = {}) =>
          send(path, {
            method: 'POST',
            headers: {
              authorization,
              ...(body === undefined ? {} : { 'content-type': 'application/json' }),
              ...headers,
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }),
        get: (path) => send(path, { headers: { authorization } }),
      };
    },
    async [Symbol.asyncDispose]() {
      try {
        await assertBooksBalance(app.pool);
      } finally {
        await owned.disposeAsync();
      }
    },
  };
}
