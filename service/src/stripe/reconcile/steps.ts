import pLimit from 'p-limit';
import pg from 'pg';
import { UNKNOWN_TOO_LONG_s } from '../../refunds/metrics.ts';
import { bringIn, type Changes } from '../apply.ts';
import { type Answer, type AskDeps, ask, type Finding, type ObjectType, type Shelved } from '../ask.ts';
import { stripeFailure } from '../client.ts';
import { askForPage, STEPS, type Step, shareRead } from '../pages.ts';
import { compare, type Difference, type EntityType, stripeIds } from './compare.ts';
import * as queries from './queries.ts';

/** After Stripe's lists come the books: what the lists did not show, and what was never answered. */
const STEPS_HERE = ['payments_here', 'refunds_here', 'disputes_here', 'unknown_here'] as const;
/** What is compared, in this order. */
export const RECONCILE_STEPS = [...STEPS, ...STEPS_HERE] as const;
export type ReconcileStep = (typeof RECONCILE_STEPS)[number];

const ENTITY_OF = { payments_here: 'payment', refunds_here: 'refund', disputes_here: 'dispute' } as const;

/** How much was compared, and what that did to the books. */
export interface ReconcileCounts extends Changes {
  charges: number;
  invoice_payments: number;
  refunds: number;
  disputes: number;
  /** Asked for one by one, because Stripe's lists did not show them. */
  asked: number;
  /** Objects that belong to no payment. */
  unmatched: number;
  /** Rows that had been written before the database's clock jumped back. */
  mended: number;
}

const CONCURRENCY = 8;
const PAGE_SIZE = 100;

/** What has become of a page. */
export interface ComparedPage {
  counts: ReconcileCounts;
  /** The last object of it. */
  last: string | null;
  /** How much of the step is done. */
  share: number;
}

/** Compares the next page of the step that a run has come to. @throws the errors of the SDK and the database */
export async function comparePage(deps: AskDeps, state: queries.Run): Promise<ComparedPage> {
  const { step } = state;
  if (step === 'unknown_here') return await noteUnknown(deps, state);
  return isListed(step)
    ? await compareListed(deps, state, step)
    : await compareUnseen(deps, state, ENTITY_OF[step]);
}

const isListed = (step: ReconcileStep): step is Step => STEPS.some((one) => one === step);

/** Holds one of Stripe's pages against the books. */
async function compareListed(deps: AskDeps, state: queries.Run, step: Step): Promise<ComparedPage> {
  const { entries, more } = await askForPage(deps, step, state, state.starting_after);
  const counts = { ...state.counts, [step]: state.counts[step] + entries.length };
  await compareWithBooks(deps, state, counts, entries);
  const last = entries.at(-1);
  return {
    counts,
    last: last?.id ?? state.starting_after,
    share: more && last !== undefined ? Math.min(0.999, shareRead(state, last.created_at)) : 1,
  };
}

/** An object of Stripe's by its kind and id, and how it is found out what it says. */
interface Asked {
  id: string;
  type: ObjectType;
  find: () => Promise<Answer>;
}

async function compareWithBooks(
  deps: AskDeps,
  run: queries.Run,
  counts: ReconcileCounts,
  entries: readonly Asked[],
): Promise<void> {
  const { pool } = deps;
  const limit = pLimit(CONCURRENCY);
  const answers = await Promise.all(
    entries.map((entry) => limit(async () => ({ entry, answer: await unlessGone(entry.find) }))),
  );
  const told = answers.flatMap(({ entry, answer }) =>
    typeof answer === 'string' ? [] : [{ entry, finding: withoutTotal(answer) }],
  );
  counts.unmatched += answers.length - told.length;
  const findings = told.map(({ finding }) => finding);
  const ids = findings.flatMap(stripeIds);
  const [first] = findings;
  if (first !== undefined) {
    counts.mended += await queries.mendFuture(pool, ids, first.payment.observed_at);
    const charges = findings.map(({ payment }) => payment.stripe_charge_id).filter((id) => id !== null);
    counts.mended += await queries.mendFuture(pool, charges, first.payment.observed_at);
  }
  const books = await queries.readBooks(pool, findings);
  // Several objects of a page may tell of one payment: what differs of it is one difference.
  const seen = new Set<string | null>();
  const compared = told.map(({ entry, finding }) => {
    const differences = compare(finding, books).filter(({ stripe_id }) => !seen.has(stripe_id));
    for (const { stripe_id } of differences) seen.add(stripe_id);
    return { entry, finding, differences };
  });
  await Promise.all(
    compared.map(({ entry, finding, differences }) =>
      limit(async () => {
        const changes = await repair(deps, run, finding, differences, 'ask_again');
        // What does not agree yet may have become newer here than the page is: asked for by itself it is told as it is now.
        add(counts, changes === 'differs' ? await settle(deps, run, entry) : changes);
      }),
    ),
  );
  await queries.closeDifferences(pool, run.run_id, ids);
}

/** Asks for an object by itself and brings it in; what differs even then is left. */
async function settle(deps: AskDeps, run: queries.Run, { type, id }: Asked): Promise<Changes | Shelved> {
  const answer = await unlessGone(() => ask(deps, type, id));
  if (typeof answer === 'string') return answer;
  const finding = withoutTotal(answer);
  const differences = compare(finding, await queries.readBooks(deps.pool, [finding]));
  const changes = await repair(deps, run, finding, differences, 'leave');
  return changes === 'differs' ? { imported: 0, updated: 0, unchanged: 0 } : changes;
}

/**
 * Brings a finding in and, in the same transaction, records which of its differences that has put right. Those that remain
 * are recorded as left, or answered by `differs` with nothing recorded of them.
 */
async function repair(
  deps: AskDeps,
  { run_id }: queries.Run,
  finding: Finding,
  differences: readonly Difference[],
  remaining: 'ask_again' | 'leave',
): Promise<Changes | Shelved | 'differs'> {
  let differs = false;
  try {
    const changes = await bringIn(deps, finding, 'reconcile', async (tx) => {
      differs = false;
      if (differences.length === 0) return;
      const still = compare(finding, await queries.readBooks(tx, [finding]));
      const remains = ({ stripe_id }: Difference, kind?: Difference['kind']) =>
        still.some((one) => one.stripe_id === stripe_id && (kind === undefined || one.kind === kind));
      differs = differences.some((difference) => remains(difference));
      for (const difference of differences) {
        if (remains(difference, difference.kind)) continue;
        const done = difference.kind === 'missing_here' ? 'imported' : 'repaired';
        await queries.recordDifference(tx, run_id, difference, done);
      }
      if (remaining === 'leave') {
        for (const difference of still) await queries.recordDifference(tx, run_id, difference, 'left');
      }
    });
    return differs && remaining === 'ask_again' ? 'differs' : changes;
  } catch (error) {
    if (!isRefusedByBooks(error)) throw error;
    if (remaining === 'ask_again') return 'differs';
    for (const difference of differences) {
      await queries.recordDifference(deps.pool, run_id, { ...difference, kind: 'cannot_be_stored' }, 'left');
    }
    return 'differs';
  }
}

/** Data that breaks a rule of the books (class 22, 23) or that they cannot hold (54): asking again cannot help. */
const isRefusedByBooks = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && /^(22|23|54)/.test(error.code ?? '');

/** Asks Stripe one by one for what the books have of the window and its lists have not shown. */
async function compareUnseen(deps: AskDeps, run: queries.Run, type: EntityType): Promise<ComparedPage> {
  const { pool } = deps;
  const unseen = await queries.readUnseen(pool, type, run, PAGE_SIZE);
  const counts = { ...run.counts, asked: run.counts.asked + unseen.length };
  const limit = pLimit(CONCURRENCY);
  const asked = await Promise.all(
    unseen.map((here) =>
      limit(async () => {
        const answer = await unlessGone(() => ask(deps, typeOf(type, here.stripe_id), here.stripe_id));
        return { here, answer };
      }),
    ),
  );
  const known: Asked[] = [];
  for (const { here, answer } of asked) {
    if (typeof answer !== 'string') {
      const objectType = typeOf(type, here.stripe_id);
      known.push({ id: here.stripe_id, type: objectType, find: () => Promise.resolve(answer) });
    } else if (answer === 'gone_at_stripe') {
      const { entity_id, stripe_id, brand_id, side } = here;
      const object = { entity_type: type, entity_id, stripe_id, brand_id };
      const difference: Difference = { kind: 'not_at_stripe', ...object, here: side, at_stripe: null };
      await queries.recordDifference(pool, run.run_id, difference, 'left');
    } else counts.unmatched += 1;
  }
  await compareWithBooks(deps, run, counts, known);
  return {
    counts,
    last: unseen.at(-1)?.entity_id ?? run.starting_after,
    share: unseen.length === PAGE_SIZE ? 0.5 : 1,
  };
}

/** A payment is known by its intent or, where there is none, by its charge. */
function typeOf(type: EntityType, stripeId: string): ObjectType {
  if (type !== 'payment') return type;
  return stripeId.startsWith('pi_') ? 'payment_intent' : 'charge';
}

/** Refunds of which nothing is known are recovery's to find out about; that it has not for so long is for a person. */
async function noteUnknown({ pool }: AskDeps, run: queries.Run): Promise<ComparedPage> {
  for (const { entity_id, brand_id, side } of await queries.readUnknownOutcomes(
    pool,
    run,
    UNKNOWN_TOO_LONG_s,
  )) {
    const object = { entity_type: 'refund', entity_id, stripe_id: null, brand_id } as const;
    const difference: Difference = { kind: 'outcome_unknown', ...object, here: side, at_stripe: null };
    await queries.recordDifference(pool, run.run_id, difference, 'left');
  }
  await queries.closeFoundOut(pool);
  return { counts: run.counts, last: null, share: 1 };
}

async function unlessGone(find: () => Promise<Answer>): Promise<Answer> {
  try {
    return await find();
  } catch (error) {
    if (stripeFailure(error) === 'gone') return 'gone_at_stripe';
    throw error;
  }
}

function add(counts: ReconcileCounts, changes: Changes | Shelved): void {
  if (typeof changes === 'string') counts.unmatched += 1;
  else {
    counts.imported += changes.imported;
    counts.updated += changes.updated;
    counts.unchanged += changes.unchanged;
  }
}

/** Its refunds are a step of their own, and are not asked for one payment after another. */
const withoutTotal = ({ refunded_cents: _, ...finding }: Finding): Finding => finding;
