import fc from 'fast-check';
import type { Schema } from '../support/operations.ts';
import type { BrandWorld } from '../support/two-brands.ts';

/** What there is of both brands, by the name of the parameter or field that takes it. */
export type Known = Readonly<Record<string, readonly string[]>>;

export function knownOf(brands: readonly BrandWorld[], charges: Charges): Known {
  const payments = [...charges.payment_ids, ...brands.map(({ paid }) => paid.payment_id)];
  const refunds = [...charges.refund_ids, ...brands.flatMap((one) => [one.refund_id, one.awaiting_id])];
  return {
    id: [...payments, ...brands.map(({ dispute }) => dispute.dispute_id)],
    refund_id: refunds,
    replacement_refund_id: refunds,
    payment_id: payments,
    charge_id: [...charges.charge_ids, ...brands.map(({ paid }) => paid.charge_id)],
    customer_id: brands.map(({ customer_id }) => customer_id),
    stripe_refund_id: brands.map(({ stripe_refund_id }) => stripe_refund_id),
    stripe_payment_intent_id: brands.map(({ paid }) => paid.payment_intent_id),
    event_id: brands.flatMap(({ event }) => [event.event_id, event.stripe_event_id]),
    entity_id: [...payments, ...refunds],
    q: [
      ...payments,
      ...refunds,
      ...charges.charge_ids,
      ...brands.map(({ customer_id }) => customer_id),
      'customer',
    ],
    currency: ['usd', 'eur'],
    reason_code: ['requested_by_customer', 'other', 'none'],
    time_zone: ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu'],
    object_id: brands.flatMap(({ paid }) => [paid.charge_id, paid.payment_intent_id]),
    batch_id: brands.flatMap(({ draft_id, running_id }) => [draft_id, running_id]),
    difference_id: brands.map(({ difference_id }) => difference_id),
    brand_id: brands.map(({ brand_id }) => brand_id),
    cursor: charges.cursors,
    actor_id: ['agent', 'developer', 'stripe'],
    event_type: ['refund.requested', 'payment.imported', 'refund.read'],
    entity_type: ['refund', 'payment', 'customer'],
    'idempotency-key': ['one', 'two', '"three"', 'a b', 'x'.repeat(255)],
  };
}

/** How a request is made up. */
export interface Mood {
  known: Known;
  /** As somebody means it who knows the service, so that it gets past the door. */
  tame: boolean;
}

export interface Charges {
  payment_ids: string[];
  charge_ids: string[];
  refund_ids: string[];
  cursors: string[];
}

/** What nobody means, in strings. */
const STRINGS = [
  ...[
    '',
    ' ',
    '\0',
    'a\0b',
    '\n',
    '\r\n',
    '\t',
    '\u007f',
    '\u2028',
    '\ufeff',
    '\ufffd',
    '\ud800',
    'x\udc00y',
  ],
  ...[
    '\u202ertl\u202c',
    'שלום',
    'مرحبا',
    'e\u0301'.repeat(50),
    `Z${'\u0335'.repeat(300)}`,
    '👩‍👩‍👧‍👦',
    'ﷺ',
    'İ',
    'ß',
    '𝒳',
  ],
  ...[
    "' OR 1=1 --",
    "'; DROP TABLE refunds; --",
    '$1',
    '\\',
    '"',
    '`id`',
    '$(id)',
    '{{7*7}}',
    '<script>',
    '%',
    '%00',
  ],
  ...[
    '../../etc/passwd',
    '..',
    '.',
    '/',
    '//',
    '?',
    '#',
    ';',
    '__proto__',
    'constructor',
    'toString',
    'null',
    'true',
  ],
  ...[
    'NaN',
    'Infinity',
    '-1',
    '0',
    '00',
    '+1',
    '1.0',
    '1e3',
    '0x10',
    ' 5',
    '5 ',
    '9'.repeat(16),
    '9'.repeat(400),
  ],
  ...[
    '2026-02-30T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:60Z',
    '2026-01-01',
    '2026-01-01T00:00:00+99:99',
  ],
  ...[
    'x'.repeat(500),
    'x'.repeat(501),
    'x'.repeat(2_001),
    'é'.repeat(500),
    '😀'.repeat(251),
    'x'.repeat(9_000),
  ],
] as const;

const NUMBERS = [
  ...[0, -0, -1, 1, 2, 99, 100, 101, 6_607, 6_604, 1.5, 1e-7, 1e21, 1e308, -1e308, 2 ** 31, 2 ** 53, 2 ** 63],
  ...[999_999_999_999, 1_000_000_000_000, 9_007_199_254_740_991],
];

const strings = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...STRINGS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) },
);

const nested = fc.constantFrom<unknown>(
  [],
  {},
  [[]],
  [null],
  { a: { b: { c: [] } } },
  ['x', 'x'],
  { toString: 'x' },
  { length: 1 },
);

/** A value that the schema lets through, of something that is there where the name says what. */
function valid(name: string, schema: Schema, known: Known): fc.Arbitrary<unknown> {
  const ours = known[name] ?? [];
  const types = [schema.type].flat();
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (types.includes('integer')) {
    const { minimum = 0, maximum = 1_000 } = schema;
    return fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: minimum, max: Math.min(maximum, 300) }) },
      { weight: 1, arbitrary: fc.constantFrom(minimum, maximum) },
    );
  }
  if (types.includes('boolean')) return fc.boolean();
  if (schema.items !== undefined)
    return fc.array(valid('', schema.items, known), { minLength: 1, maxLength: 3 });
  if (schema.properties !== undefined) {
    const { required = [] } = schema;
    const fields = Object.entries(schema.properties).map(([field, of]) =>
      valid(field, of, known).chain((value) =>
        fc.nat(100).map((chance) => (required.includes(field) || chance < 35 ? [[field, value]] : [])),
      ),
    );
    return fc.tuple(...fields).map((pairs) => Object.fromEntries(pairs.flat()));
  }
  if (schema.format === 'date-time') {
    return fc.constantFrom('2020-01-01T00:00:00Z', '2026-06-01T12:00:00.5+02:00', '2099-01-01T00:00:00Z');
  }
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  return ours.length === 0
    ? text
    : fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...ours) }, { weight: 1, arbitrary: text });
}

/** One that it does not, or only just: off by one, of another type, strange. */
function strange({ minimum, maximum, maxLength = 500 }: Schema): fc.Arbitrary<unknown> {
  const edges: unknown[] = ['x'.repeat(maxLength), 'x'.repeat(maxLength + 1)];
  if (minimum !== undefined) edges.push(minimum - 1, String(minimum - 1));
  if (maximum !== undefined) edges.push(maximum + 1, String(maximum + 1));
  return fc.oneof(
    { weight: 4, arbitrary: strings },
    { weight: 2, arbitrary: fc.constantFrom(...NUMBERS) },
    { weight: 2, arbitrary: fc.constantFrom(...edges) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(null, true, false) },
    { weight: 1, arbitrary: nested },
  );
}

/** A value for a parameter or field, mostly a good one; of a tame request nearly always. */
export const valueFor = (name: string, schema: Schema, { known, tame }: Mood): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: tame ? 60 : 5, arbitrary: valid(name, schema, known) },
    { weight: tame ? 1 : 2, arbitrary: strange(schema) },
  );

export const anyString = strings;
/** Names that are nobody's parameter or field. */
export const unknownName = fc.constantFrom(
  '__proto__',
  'constructor',
  'prototype',
  'limit[]',
  'Limit',
  'x',
  '',
);
