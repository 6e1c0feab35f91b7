import { createRandom, type Random } from './random.ts';

/**
 * What can go wrong with a request:
 * - `timeout_before`: nothing happens and no answer ever comes;
 * - `timeout_after`: it happens, and no answer ever comes;
 * - `error_500_before`: nothing happens, the answer is 500 and is not kept for the idempotency key;
 * - `error_500_after`: it happens, the answer is 500, and that 500 is what the idempotency key replays;
 * - `rate_limit_429`: nothing happens;
 * - `reset_before`, `reset_after`: the connection is reset;
 * - `slow`: it happens `ms` later (the idempotency key is in use meanwhile);
 * - `slow_after`: it happens at once, with its webhooks, and the answer comes `ms` later.
 */
export const FAULT_KINDS = [
  'timeout_before',
  'timeout_after',
  'error_500_before',
  'error_500_after',
  'rate_limit_429',
  'reset_before',
  'reset_after',
  'slow',
  'slow_after',
] as const;
type FaultKind = (typeof FAULT_KINDS)[number];

export type FaultRule = {
  kind: FaultKind;
  /** Only this HTTP method. */
  method?: string;
  /** Only this route, as written in FIDELITY.md (`/v1/refunds/:id`), or this very path. */
  route?: string;
  /** Only the n-th matching request, counted from 1. */
  nth?: number;
  /** At most this many times. */
  times?: number;
  /** Chance in [0, 1] for each matching request; drawn from `seed`. */
  probability?: number;
  seed?: number;
  /** For `slow` and `slow_after`: milliseconds. Default 1000. */
  ms?: number;
};

/**
 * What can go wrong with a webhook: `lost` (never sent), `doubled` (sent twice), `delayed` (sent `delay_ms` later by the
 * stand-in's clock), `reordered` (held until `window` of them have come together, then sent in another order).
 */
export const WEBHOOK_FAULT_KINDS = ['lost', 'doubled', 'delayed', 'reordered'] as const;
type WebhookFaultKind = (typeof WEBHOOK_FAULT_KINDS)[number];

export type WebhookFaultRule = {
  kind: WebhookFaultKind;
  /** Only these event types. */
  types?: string[];
  nth?: number;
  times?: number;
  probability?: number;
  seed?: number;
  /** For `delayed`. Default 5000. */
  delay_ms?: number;
  /** For `reordered`: how many are held together. Default 3. */
  window?: number;
};

type Active<R> = R & { id: string; matched: number; fired: number };

export type Faults = {
  add(rule: FaultRule): Active<FaultRule>;
  addWebhook(rule: WebhookFaultRule): Active<WebhookFaultRule>;
  list(): { requests: Active<FaultRule>[]; webhooks: Active<WebhookFaultRule>[] };
  /** Removes one rule, or all of them. Returns how many. */
  clear(id?: string): number;
  /** The fault that befalls this request, if any. */
  forRequest(method: string, route: string, path: string): FaultRule | undefined;
  /** The faults that befall this delivery. */
  forWebhook(eventType: string): (WebhookFaultRule & { id: string })[];
};

/** The faults in force. They are not kept over a restart. */
export function createFaults(): Faults {
  type Entry<R> = { rule: Active<R>; random: Random };
  let requests: Entry<FaultRule>[] = [];
  let webhooks: Entry<WebhookFaultRule>[] = [];
  let lastId = 0;

  const entry = <R extends { seed?: number }>(rule: R): Entry<R> => {
    lastId += 1;
    return {
      rule: { ...rule, id: `fault_${lastId}`, matched: 0, fired: 0 },
      random: createRandom(rule.seed ?? lastId),
    };
  };
  const fires = (one: Entry<{ nth?: number; times?: number; probability?: number }>): boolean => {
    const { rule } = one;
    rule.matched += 1;
    if (rule.nth !== undefined && rule.matched !== rule.nth) return false;
    if (rule.times !== undefined && rule.fired >= rule.times) return false;
    if (rule.probability !== undefined && one.random.next() >= rule.probability) return false;
    rule.fired += 1;
    return true;
  };

  return {
    add: (rule) => {
      const one = entry(rule);
      requests.push(one);
      return one.rule;
    },
    addWebhook: (rule) => {
      const one = entry(rule);
      webhooks.push(one);
      return one.rule;
    },
    list: () => ({ requests: requests.map((one) => one.rule), webhooks: webhooks.map((one) => one.rule) }),
    clear: (id) => {
      const before = requests.length + webhooks.length;
      requests = id === undefined ? [] : requests.filter((one) => one.rule.id !== id);
      webhooks = id === undefined ? [] : webhooks.filter((one) => one.rule.id !== id);
      return before - requests.length - webhooks.length;
    },
    forRequest: (method, route, path) =>
      requests.find(
        (one) =>
          (one.rule.method === undefined || one.rule.method.toUpperCase() === method) &&
          (one.rule.route === undefined || one.rule.route === route || one.rule.route === path) &&
          fires(one),
      )?.rule,
    forWebhook: (eventType) =>
      webhooks
        .filter((one) => (one.rule.types === undefined || one.rule.types.includes(eventType)) && fires(one))
        .map((one) => one.rule),
  };
}

/** Reads `Stripe-Standin-Fault: slow=250` or `Stripe-Standin-Fault: reset_after`. Undefined for a kind that does not exist. */
export function faultOfHeader(header: string): FaultRule | undefined {
  const [name, ms] = header.split('=').map((part) => part.trim());
  const kind = FAULT_KINDS.find((one) => one === name);
  if (kind === undefined) return undefined;
  return ms === undefined ? { kind } : { kind, ms: Number(ms) };
}
