import assert from 'node:assert/strict';
import fc from 'fast-check';
import { API_SCOPES } from '../../local/issuer/scopes.ts';
import { REFUSED_AMOUNTS } from '../../local/stripe/cards.ts';
import { READ_EVENTS } from '../../service/src/audit/record.ts';
import { type Answered, assertDeclared } from '../support/declared.ts';
import { DOCUMENT, type Operation, operationsOf } from '../support/operations.ts';
import {
  type BrandWorld,
  digestBooks,
  namesOf,
  startTwoBrands,
  type TwoBrands,
} from '../support/two-brands.ts';
import { asCurl, type FuzzRequest, requestTo } from './request.ts';
import { createSender, type Sender } from './send.ts';
import { type Charges, knownOf } from './values.ts';

export interface FuzzOptions {
  requests: number;
  seed: number;
  /** Told now and then how many are done. */
  onProgress?: (done: number) => void;
}

export interface FuzzReport {
  seed: number;
  requests: number;
  by_status: Record<string, number>;
  /** Of all requests, as their sender measures it. */
  p50_ms: number;
  p99_ms: number;
  max_ms: number;
  /** Those who changed nothing because they may not, after whom the books were compared. */
  without_leave: number;
}

/** A token, and as what it has to be seen. */
interface Token {
  authorizations: readonly string[];
  /** The brand that it is bound to; undefined: it may name any. */
  brand: string | undefined;
  /** Opens something that changes the books. */
  changes: boolean;
}

interface World extends TwoBrands {
  tokens: Record<string, Token>;
  charges: Charges;
  sender: Sender;
  /** What must never come back. */
  secrets: string[];
}

/** How many requests are sent before the books are looked at again. */
const ROUND = 250;
/** Each payment is of $1,000, so that most refunds find something left. */
const PAYMENTS_PER_BRAND = 6;

/**
 * Sends requests to every operation, with every kind of token, in which anything may be wrong, and holds each answer to what is
 * promised of all of them. In every second round nobody may change anything, and the books are compared before and after.
 *
 * @throws AssertionError with the smallest request found that breaks a promise, as a curl, and the seed
 */
export async function fuzz({ requests, seed, onProgress = () => {} }: FuzzOptions): Promise<FuzzReport> {
  await using stack = new AsyncDisposableStack();
  const world = await startWorld(stack);
  const operations = operationsOf();
  const by_status: Record<string, number> = {};
  const durations: number[] = [];
  let without_leave = 0;

  for (let round = 0; durations.length < requests; round += 1) {
    const mayChange = round % 2 === 0;
    if (mayChange) {
      for (const brand of [world.one, world.other]) await replenish(brand, world.charges);
    }
    const foreign = new Map([
      ['default', new Set(await namesOf(world.pool, 'second'))],
      ['second', new Set(await namesOf(world.pool, 'default'))],
    ]);
    const before = mayChange ? undefined : await digestBooks(world.pool);
    const sent: FuzzRequest[] = [];
    const property = fc.asyncProperty(anyRequest(world, operations, mayChange), async (request) => {
      if (!mayChange) sent.push(request);
      const answer = await world.sender.send(request, tokenOf(world, request).authorizations);
      durations.push(answer.took_ms);
      by_status[answer.status] = (by_status[answer.status] ?? 0) + 1;
      holdToPromises(world, request, answer, foreign);
    });
    const numRuns = Math.min(ROUND, Math.max(1, requests - durations.length));
    const details = await fc.check(property, { seed: seed + round, numRuns });
    if (details.failed) {
      const [smallest] = details.counterexample ?? [];
      throw new assert.AssertionError({
        message: `Seed ${seed}, round ${round}: ${describe(details.errorInstance)}\n${smallest === undefined ? '' : asCurl(world.url, smallest)}`,
      });
    }
    if (before !== undefined) {
      without_leave += sent.length;
      await assertUnchanged(world, before, sent, seed);
    }
    onProgress(durations.length);
  }
  durations.sort((one, other) => one - other);
  const at = (share: number) =>
    Math.round((durations[Math.floor((durations.length - 1) * share)] ?? 0) * 10) / 10;
  return {
    seed,
    requests: durations.length,
    by_status,
    p50_ms: at(0.5),
    p99_ms: at(0.99),
    max_ms: at(1),
    without_leave,
  };
}

const describe = (error: unknown) => (error instanceof Error ? error.message : String(error));

function tokenOf({ tokens }: World, { token }: FuzzRequest): Token {
  const found = tokens[token];
  assert.ok(found, token);
  return found;
}

/** A payment of which all is left, and refunds with which something can still be done, in the place of the oldest ones. */
async function replenish(brand: BrandWorld, { payment_ids, charge_ids, refund_ids }: Charges): Promise<void> {
  const paid = await brand.pay();
  payment_ids.push(paid.payment_id);
  charge_ids.push(paid.charge_id);
  refund_ids.push(await brand.awaiting(), await brand.bounced());
  for (const ids of [payment_ids, charge_ids]) ids.splice(0, ids.length - 2 * PAYMENTS_PER_BRAND);
  refund_ids.splice(0, refund_ids.length - 4 * PAYMENTS_PER_BRAND);
}

async function startWorld(stack: AsyncDisposableStack): Promise<World> {
  const world = stack.use(await startTwoBrands());
  const { one, other, issuer } = world;
  const charges: Charges = { payment_ids: [], charge_ids: [], refund_ids: [], cursors: [] };
  for (const brand of [one, other]) {
    for (let count = 0; count < PAYMENTS_PER_BRAND; count += 1) await replenish(brand, charges);
    const page = await fetch(`${world.url}/v1/admin/refunds?limit=1`, {
      headers: { authorization: `Bearer ${brand.token}` },
    });
    const [, cursor] = /[?&]cursor=([^&>]+)/.exec(page.headers.get('link') ?? '') ?? [];
    assert.ok(cursor);
    charges.cursors.push(decodeURIComponent(cursor));
  }
  const sender = createSender(world.url);
  stack.defer(() => sender.close());
  const mint = async (request: Parameters<typeof issuer.mintToken>[0]) =>
    (await issuer.mintToken(request)).access_token;
  const minted = {
    dead: await mint({ scope: 'admin:refunds', expires_in_s: -1 }),
    reports: await mint({ scope: 'admin:reports.read' }),
    nobody: await mint({ as: 'nobody' }),
    unbound: await mint({ scope: API_SCOPES.join(' ') }),
    first: one.token,
    second: other.token,
    agent: await mint({ as: 'agent', brand: 'default' }),
    approver: await mint({ as: 'approver', brand: 'default' }),
    finance: await mint({ as: 'finance', brand: 'second' }),
    auditor: await mint({ as: 'auditor', brand: 'second' }),
  };
  const bearer = (token: string, brand: string | undefined, changes: boolean): Token => ({
    authorizations: [`Bearer ${token}`],
    brand,
    changes,
  });
  const refused = (...authorizations: string[]): Token => ({
    authorizations,
    brand: undefined,
    changes: false,
  });
  const tokens: Record<string, Token> = {
    none: refused(),
    dead: bearer(minted.dead, undefined, false),
    made_up: refused('Bearer lph_at_madeupmadeupmadeupmadeup'),
    malformed: refused(`Bearer ${minted.first} ${minted.second}`),
    trailing: refused(`Bearer ${minted.first}\u00e9`),
    empty: refused('Bearer '),
    basic: refused(`Basic ${Buffer.from(`x:${minted.first}`).toString('base64')}`),
    twice: refused(`Bearer ${minted.first}`, `Bearer ${minted.second}`),
    long: refused(`Bearer ${'x'.repeat(6_000)}`),
    reports: bearer(minted.reports, undefined, false),
    nobody: bearer(minted.nobody, undefined, false),
    unbound: bearer(minted.unbound, undefined, true),
    first: bearer(minted.first, 'default', true),
    second: bearer(minted.second, 'second', true),
    agent: bearer(minted.agent, 'default', true),
    approver: bearer(minted.approver, 'default', true),
    finance: bearer(minted.finance, 'second', true),
    auditor: bearer(minted.auditor, 'second', false),
  };
  const secrets = [...Object.values(minted), 'lph_at_madeupmadeupmadeupmadeup'];
  return { ...world, tokens, sender, secrets, charges };
}

/** Whoever may change something, everything; else what only reads with any token, and the rest with tokens that open nothing. */
function anyRequest(world: World, operations: Operation[], mayChange: boolean): fc.Arbitrary<FuzzRequest> {
  const all = Object.keys(world.tokens);
  const powerless = all.filter((kind) => world.tokens[kind]?.changes === false);
  const powerful = all.filter((kind) => world.tokens[kind]?.changes === true);
  const known = knownOf([world.one, world.other], world.charges);
  const arbitraries = operations
    .filter(({ scopes, method }) => mayChange || method === 'get' || scopes.length > 0)
    .flatMap((operation) => {
      const readers = operation.method === 'get' ? all : powerless;
      const tokens = mayChange ? [...powerful, ...powerful, ...all] : readers;
      return [true, false].map((tame) => ({
        // An export is the whole log, which each of these requests makes longer.
        weight: operation.id === 'exportAudit' ? 1 : mayChange && operation.method === 'post' ? 24 : 8,
        arbitrary: requestTo(operation, tokens, { known, tame }),
      }));
    });
  const anything = fc.oneof(...arbitraries);
  // With another method an operation may be another one, at the same address.
  return mayChange
    ? anything
    : anything.filter((one) => one.operation.method === 'post' || one.method !== 'POST');
}

/** Where whoever is bound to no brand sees more than the default one's. */
const OPEN_TO_UNBOUND = ['listDisputes', 'listStripeEvents'];

/** What an address may answer before it is known which operation is meant, if any: the rest is declared. */
const BEFORE_ROUTING = [404, 405, 414, 431, 501];

function holdToPromises(
  { secrets, tokens }: World,
  request: FuzzRequest,
  answer: Answered,
  foreign: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  const { operation, method, token } = request;
  const { status, headers, text } = answer;
  assert.ok(status < 500 || status === 501 || wasRefused(request, answer), `${status}: ${text}`);
  assert.match(headers.get('x-request-id') ?? '', /^[A-Za-z0-9._-]{1,128}$/, 'X-Request-Id');
  if (status === 401 || status === 403) assert.match(headers.get('www-authenticate') ?? '', /^Bearer realm=/);
  const whole = `${[...headers].join('\n')}\n${text}`;
  for (const secret of secrets) assert.ok(!whole.includes(secret), 'The answer holds a token');
  if (method !== 'HEAD') assertShape(operation, method.toLowerCase(), answer);

  const named = request.headers.find(([name]) => name === 'x-brand-id')?.[1];
  const bound = tokens[token]?.brand ?? named;
  const brand = bound ?? (OPEN_TO_UNBOUND.includes(operation.id) ? undefined : 'default');
  const theirs = brand === undefined ? undefined : foreign.get(brand);
  if (theirs === undefined) return;
  const asked = wordsOf(`${unescape(request.target)} ${request.body?.toString() ?? ''}`);
  const own = operation.id.endsWith('Audit') ? withoutReads(text) : text;
  for (const word of wordsOf(own)) {
    assert.ok(
      !theirs.has(word) || asked.has(word),
      `The answer to ${brand} names ${word}, which is another brand's`,
    );
  }
}

/** Stripe says no to an amount for which the stand-in always does. Nothing is wrong here, and the 502 says so. */
const wasRefused = ({ body }: FuzzRequest, { status, text }: Answered): boolean =>
  status === 502 &&
  text.includes('Stripe refused the refund: ') &&
  new RegExp(`"amount_cents":(${Object.values(REFUSED_AMOUNTS).join('|')})\\b`).test(body?.toString() ?? '');

function assertShape({ path }: Operation, method: string, answer: Answered): void {
  const { status, headers, text } = answer;
  const declared = DOCUMENT.paths[path]?.[method]?.responses[status];
  const mayBe = DOCUMENT.paths[path]?.[method] === undefined ? [400, ...BEFORE_ROUTING] : BEFORE_ROUTING;
  if (declared !== undefined || !mayBe.includes(status)) {
    assertDeclared(path, method, answer);
    return;
  }
  assert.match(headers.get('content-type') ?? '', /^application\/json/, text);
  const { error, message, ...rest } = JSON.parse(text) as Record<string, unknown>;
  assert.ok(typeof error === 'string' && typeof message === 'string', text);
  assert.deepEqual(rest, {});
}

/** All that looks like an id; and customers' names. */
const wordsOf = (text: string) => new Set(text.match(/[A-Za-z]+_[\w-]+/g));

/** The audit log tells callers what they looked for themselves, in vain as it was. */
const withoutReads = (text: string) =>
  text
    .split(/(?<=\})[,\n](?=\{)/)
    .filter((row) => !READ_EVENTS.some((name) => row.includes(`"event_type":"${name}"`)))
    .join('\n');

/** Fails with those of the requests that change the books, found by sending each once more. */
async function assertUnchanged(
  world: World,
  before: Record<string, string>,
  sent: readonly FuzzRequest[],
  seed: number,
): Promise<void> {
  try {
    assert.deepEqual(await digestBooks(world.pool), before);
  } catch (cause) {
    const culprits: string[] = [];
    for (const request of sent) {
      const start = await digestBooks(world.pool);
      await world.sender.send(request, tokenOf(world, request).authorizations).catch(() => {});
      const end = await digestBooks(world.pool);
      if (JSON.stringify(start) !== JSON.stringify(end)) culprits.push(asCurl(world.url, request));
    }
    throw new Error(
      `Seed ${seed}: the books changed, and nobody was allowed to change them.\n${culprits[0] ?? 'By none of the requests alone.'}`,
      { cause },
    );
  }
}
