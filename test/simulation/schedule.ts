import type { RefundBehaviour } from '../../local/stripe/cards.ts';
import type { FaultRule, WebhookFaultRule } from '../../local/stripe/faults.ts';
import type { DisputeStatus } from '../../local/stripe/resources/disputes.ts';
import { createDraws, type Draws } from './draws.ts';
import { APPROVERS, CALLERS, STAFF } from './people.ts';

/** How much of a payment is asked for; numbers are cents or, below 1, a share of what was captured. */
export type AmountPlan =
  | { cents: number }
  | { share: number }
  | 'full'
  | 'rest'
  | 'rest_and_one'
  | 'too_much';

type Verb = 'approve' | 'reject' | 'cancel' | 'sync';
type Resolution = 'refunded_again' | 'paid_otherwise' | 'not_owed';

/** One thing that somebody does; entities are named by number, modulo how many there are when it happens. */
export type Deed =
  | {
      do: 'pay';
      currency: string;
      amount_cents: number;
      card: string;
      /** `part`: authorized now, and captured in part at once. */
      capture: 'all' | 'later' | 'part';
      customer: number;
    }
  | { do: 'capture'; payment: number; share: number }
  | {
      do: 'issue';
      payment: number;
      caller: string;
      instance: number;
      by: 'charge' | 'payment' | 'service';
      amount: AmountPlan;
      reason: string | null;
      keyed: boolean;
      /** The same request at the same time, this often. */
      clicks: number;
      /** How often it is sent again under its key where no answer came. */
      retries: number;
      expects: boolean;
    }
  /** An earlier request that had a key once more, or another body under its key. */
  | { do: 'again'; request: number; instance: number; other_body: boolean }
  | {
      do: 'decide';
      refund: number;
      awaiting: boolean;
      verdicts: { verb: Verb; caller: string; instance: number; keyed: boolean }[];
    }
  | { do: 'resolve'; refund: number; caller: string; instance: number; resolution: Resolution }
  | { do: 'read'; refund: number; caller: string; instance: number }
  | { do: 'dashboard_refund'; payment: number; amount: AmountPlan; behaviour: RefundBehaviour }
  | {
      do: 'at_stripe';
      refund: number;
      verb: 'settle' | 'fail' | 'require_action' | 'cancel' | 'reference';
    }
  | { do: 'dispute'; payment: number; share: number; inquiry: boolean }
  | { do: 'dispute_status'; dispute: number; status: DisputeStatus }
  | { do: 'stripe_fault'; rule: FaultRule }
  | { do: 'webhook_fault'; rule: WebhookFaultRule }
  | { do: 'redeliver'; event: number }
  /** Everything that Stripe has to say now arrives. */
  | { do: 'deliver' }
  | { do: 'inbox'; instance: number }
  | { do: 'recover'; instance: number }
  | { do: 'reconcile'; instance: number }
  | { do: 'die'; instance: number; after_io: number; sent: boolean }
  | { do: 'cut'; connections: number }
  | { do: 'crash_database' }
  | { do: 'pass'; time_s: number };

/** A deed, and whether the next one waits until it is over, begins at the same time, or a moment later. */
export type Step = Deed & { pace: 'wait' | 'go_on' | 'moment' };

export interface Schedule {
  seed: number;
  instances: number;
  steps: Step[];
}

const REASONS = [null, null, 'duplicate', 'requested_by_customer', 'goodwill', 'fraudulent'];
const CURRENCIES = ['usd', 'eur', 'jpy', 'usd', 'gbp'];
const CARDS: readonly (readonly [number, string])[] = [
  [10, 'pm_card_visa'],
  [2, 'pm_card_pendingRefund'],
  [2, 'pm_card_refundFail'],
  [1, 'pm_card_createDispute'],
  [1, 'pm_card_createDisputeInquiry'],
];
const BEHAVIOURS: readonly RefundBehaviour[] = [
  'succeeded',
  'succeeded',
  'pending_then_succeeded',
  'pending_then_failed',
  'pending',
  'failed',
  'succeeded_then_failed',
  'requires_action',
];
/** Amounts by which the stand-in decides what becomes of a refund, or refuses it. */
const SPECIAL_CENTS = [6601, 6602, 6603, 6604, 6605, 6606, 6607, 6608];
const DISPUTE_STATUSES: readonly DisputeStatus[] = [
  'needs_response',
  'under_review',
  'won',
  'lost',
  'warning_closed',
];
const DAY_s = 86_400;

/** Draws a whole schedule up front, so that what is decided does not depend on what happens. */
export function drawSchedule(seed: number): Schedule {
  const draws = createDraws(seed);
  const instances = draws.int(2, 3);
  const instance = () => draws.int(0, instances - 1);
  const steps: Step[] = [];
  const add = (deed: Deed, pace?: Step['pace']) =>
    steps.push({
      ...deed,
      pace:
        pace ??
        draws.weighted([
          [5, 'wait'],
          [4, 'go_on'],
          [2, 'moment'],
        ]),
    });

  for (let payments = draws.int(1, 2); payments > 0; payments -= 1) add(pay(draws), 'wait');
  // Most callers know the payments; now and then a refund is asked for before the webhook has come.
  if (draws.chance(0.8)) add({ do: 'inbox', instance: instance() }, 'wait');
  for (let deeds = draws.int(5, 15); deeds > 0; deeds -= 1) {
    const deed = draws.weighted(KINDS)(draws, instance);
    add(deed);
    // A fault is for somebody to run into.
    if ((deed.do === 'stripe_fault' || deed.do === 'die') && draws.chance(0.7)) {
      const next = issue(draws, instance);
      add(deed.do === 'die' && next.do === 'issue' ? { ...next, instance: deed.instance } : next);
    }
  }
  // Stripe's answer to one instance is on its way for so long that another one learns what came after it.
  if (draws.chance(0.25)) {
    const [slow, fast] = draws.pick([
      [0, 1],
      [1, 0],
    ] as const);
    const route = draws.pick(['/v1/payment_intents/:id', '/v1/refunds/:id', '/v1/charges/:id']);
    add({
      do: 'stripe_fault',
      rule: { kind: 'slow_after', method: 'GET', route, times: draws.int(1, 2), ms: 100 },
    });
    add(elsewhere(draws, instance), 'wait');
    add({ do: 'redeliver', event: draws.int(0, 30) }, 'wait');
    add({ do: 'deliver' }, 'wait');
    add({ do: 'inbox', instance: slow }, 'moment');
    add(elsewhere(draws, instance), 'wait');
    add({ do: 'deliver' }, 'wait');
    add({ do: 'inbox', instance: fast }, 'wait');
  }
  // Rare, because it costs most: the whole server.
  if (draws.chance(0.02)) {
    steps.splice(draws.int(2, steps.length), 0, {
      do: 'crash_database',
      pace: draws.pick(['wait', 'go_on']),
    });
  }
  return { seed, instances, steps };
}

type Maker = (draws: Draws, instance: () => number) => Deed;

function pay(draws: Draws): Deed {
  return {
    do: 'pay',
    currency: draws.pick(CURRENCIES),
    amount_cents: draws.weighted([
      [4, draws.int(1_000, 20_000)],
      [2, 10_000],
      [1, draws.int(20_000, 60_000)],
      [1, draws.int(1, 3)],
    ]),
    card: draws.weighted(CARDS),
    capture: draws.weighted([
      [8, 'all'],
      [1, 'later'],
      [2, 'part'],
    ]),
    customer: draws.int(1, 2),
  };
}

function amountOf(draws: Draws): AmountPlan {
  return draws.weighted<() => AmountPlan>([
    [4, () => ({ share: draws.int(10, 60) / 100 })],
    [3, () => 'full'],
    [3, () => ({ cents: draws.pick(SPECIAL_CENTS) })],
    [2, () => 'rest'],
    [1, () => 'rest_and_one'],
    [1, () => 'too_much'],
    [2, () => ({ cents: draws.int(1, 700) })],
  ])();
}

const issue: Maker = (draws, instance) => {
  const by = draws.pick(['charge', 'payment', 'service'] as const);
  return {
    do: 'issue',
    payment: draws.int(0, 9),
    caller: draws.pick(by === 'service' ? CALLERS.filter(({ service }) => service) : STAFF).token,
    instance: instance(),
    by,
    amount: amountOf(draws),
    reason: draws.pick(REASONS),
    keyed: draws.chance(0.75),
    clicks: draws.weighted([
      [6, 1],
      [3, 2],
      [1, 4],
    ]),
    retries: draws.int(0, 4),
    expects: draws.chance(0.1),
  };
};

const again: Maker = (draws, instance) => ({
  do: 'again',
  request: draws.int(0, 20),
  instance: instance(),
  other_body: draws.chance(0.3),
});

const decide: Maker = (draws, instance) => ({
  do: 'decide',
  refund: draws.int(0, 20),
  awaiting: draws.chance(0.8),
  verdicts: Array.from({ length: draws.pick([1, 1, 2, 3]) }, () => {
    const verb = draws.weighted<Verb>([
      [6, 'approve'],
      [2, 'reject'],
      [3, 'cancel'],
      [1, 'sync'],
    ]);
    const who = verb === 'approve' || verb === 'reject' ? APPROVERS : STAFF;
    return { verb, caller: draws.pick(who).token, instance: instance(), keyed: draws.chance(0.4) };
  }),
});

const about: Maker = (draws, instance) =>
  draws.pick<() => Deed>([
    () => ({
      do: 'decide',
      refund: draws.int(0, 20),
      awaiting: false,
      verdicts: [
        {
          verb: draws.pick<Verb>(['sync', 'sync', 'cancel']),
          caller: draws.pick(STAFF).token,
          instance: instance(),
          keyed: draws.chance(0.3),
        },
      ],
    }),
    () => ({
      do: 'resolve',
      refund: draws.int(0, 20),
      caller: draws.pick(STAFF).token,
      instance: instance(),
      resolution: draws.pick<Resolution>(['refunded_again', 'paid_otherwise', 'not_owed']),
    }),
    () => ({ do: 'read', refund: draws.int(0, 20), caller: draws.pick(STAFF).token, instance: instance() }),
  ])();

const elsewhere: Maker = (draws) =>
  draws.pick<() => Deed>([
    () => pay(draws),
    () => ({ do: 'capture', payment: draws.int(0, 9), share: draws.int(30, 100) / 100 }),
    () => ({
      do: 'dashboard_refund',
      payment: draws.int(0, 9),
      amount: amountOf(draws),
      behaviour: draws.pick(BEHAVIOURS),
    }),
    () => ({
      do: 'at_stripe',
      refund: draws.int(0, 20),
      verb: draws.pick(['settle', 'fail', 'fail', 'require_action', 'cancel', 'reference'] as const),
    }),
    () => ({
      do: 'at_stripe',
      refund: draws.int(0, 20),
      verb: draws.pick(['settle', 'fail', 'fail', 'require_action', 'cancel', 'reference'] as const),
    }),
    () => ({
      do: 'dispute',
      payment: draws.int(0, 9),
      share: draws.pick([0.4, 1, 1, 1.5]),
      inquiry: draws.chance(0.4),
    }),
    () => ({ do: 'dispute_status', dispute: draws.int(0, 5), status: draws.pick(DISPUTE_STATUSES) }),
  ])();

const ROUTES: readonly (readonly [number, Pick<FaultRule, 'method' | 'route'>])[] = [
  [10, { method: 'POST', route: '/v1/refunds' }],
  [3, { method: 'GET', route: '/v1/refunds' }],
  [1, { method: 'POST', route: '/v1/refunds/:id/cancel' }],
  [1, { method: 'GET', route: '/v1/refunds/:id' }],
  [1, { method: 'GET', route: '/v1/payment_intents/:id' }],
  [1, { method: 'GET' }],
];

const fault: Maker = (draws) =>
  draws.weighted<() => Deed>([
    [
      3,
      () => {
        const kind = draws.weighted<FaultRule['kind']>([
          [2, 'timeout_before'],
          [3, 'timeout_after'],
          [2, 'error_500_before'],
          [3, 'error_500_after'],
          [2, 'rate_limit_429'],
          [2, 'reset_before'],
          [3, 'reset_after'],
          [2, 'slow'],
          [3, 'slow_after'],
        ]);
        return {
          do: 'stripe_fault',
          rule: {
            kind,
            ...draws.weighted(ROUTES),
            times: draws.weighted([
              [5, 1],
              [2, 2],
              [1, 6],
            ]),
            // Beyond the client's patience, or not.
            ms: draws.pick([20, 60, 250]),
          },
        };
      },
    ],
    [
      2,
      () => ({
        do: 'webhook_fault',
        rule: {
          kind: draws.weighted<WebhookFaultRule['kind']>([
            [1, 'lost'],
            [2, 'doubled'],
            [2, 'delayed'],
            [2, 'reordered'],
          ]),
          times: draws.int(1, 6),
          delay_ms: draws.pick([5_000, 120_000, 90_000_000]),
          window: draws.int(2, 4),
          seed: draws.int(1, 1_000),
        },
      }),
    ],
  ])();

const die: Maker = (draws, instance) => ({
  do: 'die',
  instance: instance(),
  after_io: draws.weighted([
    [6, draws.int(1, 8)],
    [4, draws.int(8, 25)],
  ]),
  sent: draws.chance(0.5),
});

const KINDS: readonly (readonly [number, Maker])[] = [
  [30, issue],
  [6, again],
  [9, decide],
  [8, about],
  [12, elsewhere],
  [12, fault],
  [6, die],
  [2, (draws) => ({ do: 'cut', connections: draws.int(1, 4) })],
  [2, (draws) => ({ do: 'redeliver', event: draws.int(0, 30) })],
  [8, (_draws, instance) => ({ do: 'inbox', instance: instance() })],
  [6, (_draws, instance) => ({ do: 'recover', instance: instance() })],
  [1, (_draws, instance) => ({ do: 'reconcile', instance: instance() })],
  [
    8,
    (draws) => ({
      do: 'pass',
      time_s: draws.weighted([
        [4, draws.int(3, 30)],
        [5, draws.int(61, 1_000)],
        [1, draws.int(22, 23) * 3_600],
        [2, 25 * 3_600 + draws.int(-4_000, 4_000)],
        [1, 4 * DAY_s],
        [1, 31 * DAY_s],
      ]),
    }),
  ],
];
