import fc from 'fast-check';
import type { Operation, Parameter, Schema } from '../support/operations.ts';
import { signEvent } from '../support/two-brands.ts';
import { anyString, type Mood, unknownName, valueFor } from './values.ts';

/** One request, as it goes over the wire; its token by the name of its kind. */
export interface FuzzRequest {
  operation: Operation;
  method: string;
  /** The address after the host, encoded. */
  target: string;
  token: string;
  /** In their order; a name may come twice. */
  headers: [string, string][];
  body: Buffer | undefined;
}

/** Header values that a client of HTTP can send at all: anything of Latin-1 but control characters. */
const headerValue = fc
  .oneof(fc.string({ maxLength: 60, unit: 'binary' }), anyString)
  .map((text) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 600));

/** Percent-encoded; half a surrogate pair as its own three bytes, which are no UTF-8. */
const encode = (text: string): string =>
  [...text]
    .map((char) => {
      const unit = char.charCodeAt(0);
      if (char.length === 1 && unit >= 0xd800 && unit <= 0xdfff) {
        const bytes = [0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)];
        return bytes.map((byte) => `%${byte.toString(16)}`).join('');
      }
      return encodeURIComponent(char);
    })
    .join('');

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

/** An address that is not even well encoded. */
const rawQuery = fc.constantFrom(
  '%',
  '%zz',
  '%ff',
  '%c0%af',
  '&&&',
  '=',
  'a=b=c',
  '?',
  '%00=%00',
  'limit',
  'limit=',
  '[]',
);

function target({ path, parameters }: Operation, mood: Mood): fc.Arbitrary<string> {
  const places = parameters.filter((one) => one.in === 'path');
  const queries = parameters.filter((one) => one.in === 'query');
  const inPath = fc.tuple(
    ...places.map(({ name, schema }) =>
      fc.oneof(
        { weight: mood.tame ? 60 : 6, arbitrary: valueFor(name, schema, mood).map(asText) },
        { weight: 1, arbitrary: anyString },
      ),
    ),
  );
  const given = ({ name, schema, required }: Parameter): fc.Arbitrary<string[]> => {
    const pair = valueFor(name, schema, mood).map((value) => `${encode(name)}=${encode(asText(value))}`);
    return fc
      .tuple(pair, fc.nat(100))
      .map(([text, chance]) => (chance < 3 ? [text, text] : chance < (required ? 95 : 25) ? [text] : []));
  };
  const odd = fc.oneof(
    { weight: mood.tame ? 140 : 14, arbitrary: fc.constant([] as string[]) },
    { weight: 1, arbitrary: rawQuery.map((text) => [text]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(unknownName, anyString)
        .map(([name, value]) => [`${encode(name)}=${encode(value)}`]),
    },
  );
  return fc.tuple(inPath, fc.tuple(...queries.map(given)), odd).map(([values, pairs, more]) => {
    let index = 0;
    const address = path.replaceAll(/\{\w+\}/g, () => encode(values[index++] ?? ''));
    const query = [...pairs.flat(), ...more].join('&');
    return query === '' ? address : `${address}?${query}`;
  });
}

interface Body {
  type: string | undefined;
  bytes: Buffer | undefined;
}

const JSON_TYPE = 'application/json';

function jsonBody(schema: Schema, mood: Mood): fc.Arbitrary<string> {
  const { properties = {}, required = [] } = schema;
  const fields = Object.entries(properties).map(([name, of]) =>
    fc
      .tuple(valueFor(name, of, mood), fc.nat(100))
      .map(([value, chance]): [string, unknown][] =>
        chance < (required.includes(name) ? 95 : mood.tame ? 22 : 35) ? [[name, value]] : [],
      ),
  );
  const spoil = fc.oneof(
    { weight: mood.tame ? 400 : 20, arbitrary: fc.constant((text: string) => text) },
    ...[
      (text: string) => text.replace(/\}$/, ',"amount_cents":1,"amount_cents":2}').replace('{,', '{'),
      (text: string) => text.replace(/^\{/, '{"__proto__":{"full":true},').replace(',}', '}'),
      (text: string) => text.replace(/^\{/, '{"constructor":{"prototype":{}},').replace(',}', '}'),
      (text: string) => text.replace(/^\{/, '{"unknown":1,').replace(',}', '}'),
      (text: string) => text.slice(0, -1),
      (text: string) => `${text}${text}`,
      (text: string) => `[${text}]`,
      (text: string) => `\ufeff${text}`,
      (text: string) => text.replaceAll('"', "'"),
      (text: string) => text.replace('}', ',}'),
    ].map((change) => ({ weight: 1, arbitrary: fc.constant(change) })),
  );
  return fc
    .tuple(fc.tuple(...fields), spoil)
    .map(([pairs, change]) => change(JSON.stringify(Object.fromEntries(pairs.flat()))));
}

const NO_JSON = [
  ...[
    '',
    ' ',
    'null',
    'true',
    '0',
    '"x"',
    '[]',
    '{}',
    '{',
    '}',
    '[[',
    'undefined',
    'NaN',
    '{"a":1e999}',
    '{"a":-0}',
  ],
  ...[
    '['.repeat(20_000),
    `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
    '{"a":'.repeat(2_000),
    '"\\ud800"',
    '"\\u0000"',
  ],
];
const TYPES = [
  ...[
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    '',
    'json',
  ],
  ...[
    'application/json; charset=utf-16',
    'application/jsonx',
    'application/json, text/plain',
    'APPLICATION/JSON',
    ';',
    '/',
  ],
];

/** The webhook takes any bytes: a good event, or nearly. */
const eventBody = ({ known }: Mood): fc.Arbitrary<string> =>
  fc
    .record({
      id: fc.oneof(fc.constantFrom(...(known.event_id ?? [])), anyString),
      object: fc.oneof({ weight: 5, arbitrary: fc.constant('event') }, { weight: 1, arbitrary: anyString }),
      type: fc.oneof(fc.constantFrom('charge.updated', 'refund.failed', 'customer.created'), anyString),
      created: fc.constantFrom<unknown>(1_790_000_000, 0, -1, 1e20, 1.5, '1', null),
      livemode: fc.constantFrom<unknown>(false, true, 'false', null),
      data: fc.constantFrom<unknown>(
        ...(known.charge_id ?? []).map((id) => ({ object: { id, object: 'charge' } })),
        { object: { id: 'ch_\0', object: 'charge' } },
        { object: null },
        { object: [] },
        null,
      ),
    })
    .map((event) => JSON.stringify(event));

function body(operation: Operation, mood: Mood): fc.Arbitrary<Body> {
  const nothing = fc.constant<Body>({ type: undefined, bytes: undefined });
  if (operation.method === 'get') return nothing;
  const schema = operation.body;
  const text = schema === undefined ? eventBody(mood) : jsonBody(schema, mood);
  const sent = text.map((json): Body => ({ type: JSON_TYPE, bytes: Buffer.from(json) }));
  return fc.oneof(
    { weight: mood.tame ? 160 : 16, arbitrary: sent },
    { weight: 1, arbitrary: nothing },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom(...NO_JSON)
        .map((raw): Body => ({ type: JSON_TYPE, bytes: Buffer.from(raw) })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...TYPES), text)
        .map(([type, json]): Body => ({ type, bytes: Buffer.from(json) })),
    },
    {
      weight: 1,
      arbitrary: fc
        .uint8Array({ maxLength: 60 })
        .map((raw): Body => ({ type: JSON_TYPE, bytes: Buffer.from(raw) })),
    },
  );
}

const GOOD_SIGNATURE = 'good';

function headers(operation: Operation, mood: Mood): fc.Arbitrary<[string, string][]> {
  const maybe = (weight: number, name: string, values: fc.Arbitrary<string>) =>
    fc.oneof(
      { weight: mood.tame ? 80 : 20, arbitrary: fc.constant([] as [string, string][]) },
      { weight, arbitrary: values.map((value): [string, string][] => [[name, value]]) },
    );
  const keys = fc.oneof(fc.constantFrom(...(mood.known['idempotency-key'] ?? [])), headerValue, fc.uuid());
  return fc
    .tuple(
      maybe(operation.method === 'post' ? 8 : 1, 'idempotency-key', keys),
      maybe(1, 'idempotency-key', keys),
      maybe(3, 'x-brand-id', fc.oneof(fc.constantFrom('default', 'second', 'third'), headerValue)),
      maybe(2, 'x-request-id', fc.oneof(fc.constant('a-request'), headerValue)),
      maybe(1, 'cookie', fc.oneof(fc.constant('__Host-session=x; session=y'), headerValue)),
      maybe(1, 'accept', headerValue),
      maybe(1, 'content-encoding', fc.constantFrom('gzip', 'br', 'identity')),
      maybe(1, 'x-forwarded-for', fc.oneof(fc.constant('203.0.113.9'), headerValue)),
      maybe(1, 'x-http-method-override', fc.constantFrom('DELETE', 'POST')),
      maybe(1, 'x-very-long', fc.constantFrom('x'.repeat(8_000), 'x'.repeat(17_000))),
      operation.id === 'receiveStripeEvent'
        ? fc
            .oneof(fc.constant(GOOD_SIGNATURE), headerValue)
            .map((text): [string, string][] => [['stripe-signature', text]])
        : fc.constant([] as [string, string][]),
    )
    .map((lists) => lists.flat());
}

const OTHER_METHODS = ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'GET', 'POST'];

/** A request to one of the operations with one of the kinds of token. */
export function requestTo(
  operation: Operation,
  tokens: readonly string[],
  mood: Mood,
): fc.Arbitrary<FuzzRequest> {
  return fc
    .record({
      method: fc.oneof(
        { weight: 40, arbitrary: fc.constant(operation.method.toUpperCase()) },
        { weight: 1, arbitrary: fc.constantFrom(...OTHER_METHODS) },
      ),
      target: target(operation, mood),
      token: fc.constantFrom(...tokens),
      headers: headers(operation, mood),
      body: body(operation, mood),
    })
    .map(({ headers: given, body: { type, bytes }, method, ...request }) => ({
      ...request,
      operation,
      method,
      headers: [
        ...given.map(([name, value]): [string, string] =>
          name === 'stripe-signature' && value === GOOD_SIGNATURE
            ? [name, signEvent(bytes?.toString() ?? '')]
            : [name, value],
        ),
        ...(type === undefined ? [] : [['content-type', type] as [string, string]]),
      ],
      body: bytes,
    }));
}

/** The same request, for a person to send again; the token's kind stands for the token. */
export function asCurl(
  url: string,
  { method, target: address, token, headers: given, body: bytes }: FuzzRequest,
): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = [
    `curl -sS -i --globoff --path-as-is -X ${method} ${quote(`${url}${address}`)}`,
    `-H "Authorization: $${token.toUpperCase()}"`,
    ...given.map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`),
  ];
  if (bytes === undefined) return parts.join(' \\\n  ');
  const printable = /^[\x20-\x7e]*$/.test(bytes.toString('latin1'));
  const data = printable
    ? `--data-binary ${quote(bytes.toString())}`
    : `--data-binary @<(echo ${bytes.toString('base64')} | base64 -d)`;
  return [...parts, data].join(' \\\n  ');
}
