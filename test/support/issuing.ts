import { idOf } from '../../local/stripe/resources/charges.ts';
import { createPaymentIntent } from '../../local/stripe/resources/payment_intents.ts';
import { type StripeStandIn, type StripeStandInOptions, startStripe } from '../../local/stripe/server.ts';
import { TEST_KEY } from '../../local/stripe/testing.ts';
import { createMetrics } from '../../service/src/health/metrics.ts';
import { createStripe } from '../../service/src/stripe/client.ts';
import { createProvider } from '../../service/src/stripe/provider.ts';
import { startTestApp, type TestApp, type TestAppOptions } from './app.ts';
import { assertBooksBalance } from './books.ts';

/** The service's app with the stand-in behind it, and callers who issue refunds. */
export interface IssuingWorld extends TestApp {
  standIn: StripeStandIn;
  /** A payment at the stand-in that the books know; amounts in the smallest unit. */
  pay(options?: PayOptions): Promise<PaidCharge>;
  /** A caller: a service with these scopes, or a person of `local/issuer/people.ts`. */
  caller(who: { scope?: string; as?: string; brand?: string }): Promise<Caller>;
}

export interface PayOptions {
  amount_cents?: number;
  currency?: string;
  customer_id?: string;
  payment_method?: string;
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
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply<AnswerBody>>;
  get<Body = AnswerBody>(path: string): Promise<Reply<Body>>;
}

export interface IssuingOptions extends Omit<TestAppOptions, 'stripe'> {
  stripe?: Partial<StripeStandInOptions>;
}

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
  });
  const owned = stack.move();
  return {
    ...app,
    standIn,
    async pay({ amount_cents = 10_000, currency = 'usd', customer_id = 'customer_1', payment_method } = {}) {
      const { intent } = createPaymentIntent(standIn.world, {
        amount: amount_cents,
        currency,
        payment_method: payment_method ?? 'pm_card_visa',
        confirm: true,
        metadata: { customer_id },
      });
      const charge_id = idOf(intent.latest_charge) ?? '';
      await importer.bringInCharge(charge_id, 'test');
      const { rows } = await app.pool.query('SELECT payment_id FROM payments WHERE stripe_charge_id = $1', [
        charge_id,
      ]);
      return { payment_id: rows[0].payment_id, charge_id, payment_intent_id: intent.id };
    },
    async caller(who) {
      const { access_token } = await app.issuer.mintToken(who);
      const send = async <Body>(path: string, init: RequestInit): Promise<Reply<Body>> => {
        const response = await fetch(`${app.url}${path}`, init);
        const text = await response.text();
        return {
          status: response.status,
          headers: response.headers,
          text,
          body: text === '' ? ({} as Body) : (JSON.parse(text) as Body),
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
