import { idOf } from '../../local/stripe/resources/charges.ts';
import { verifyBooks } from '../../service/src/books/verify.ts';
import { outlived, type Play } from './deeds.ts';
import type { Instance } from './instance.ts';
import { didNothing, isFinal, isOtherBody, scopeOf, type Wish } from './ledger.ts';

interface RefundRow {
  refund_id: string;
  payment_id: string;
  charge_id: string | null;
  amount_cents: number;
  counted_cents: number;
  currency: string;
  status: string;
  origin: string;
  note: string | null;
  reason: string | null;
  stripe_refund_id: string | null;
  failure_reason: string | null;
  bank_reference: string | null;
  requested_by_id: string | null;
  approved_by_id: string | null;
  submitted_at: Date | null;
  owed_cents: number;
}

/** Everything that has to be true when nothing is under way any more. What is not, is a violation. */
export async function checkAtRest(playing: Play): Promise<void> {
  const { world, violations } = playing;
  for (const { rule, rows, examples } of await verifyBooks(world.books)) {
    violations.push(`the books: not so that ${rule} (${rows}): ${JSON.stringify(examples)}`);
  }
  const refunds = await world.query<RefundRow>('SELECT * FROM refunds ORDER BY created_at, refund_id');
  checkRefundsAtStripe(playing, refunds);
  checkChargesAtStripe(playing);
  await checkPayments(playing);
  await checkDisputes(playing);
  checkNeverEndedUnasked(playing, refunds);
  for (const wish of playing.wishes) {
    if (wish.operation === 'issue') checkIssued(playing, wish, refunds);
    else checkDecided(playing, wish, refunds);
  }
  checkAnswersAreKept(playing);
  await checkKeys(playing);
  await checkEvents(playing);
  await checkNothingToReconcile(playing);
}

/** What the checks above say of both sides, the service must say too; only what a payment has no room for may be left. */
async function checkNothingToReconcile({ world, violations }: Play): Promise<void> {
  const full = await world.query<{ refund_id: string }>(
    `SELECT refund_id FROM refunds JOIN payments USING (payment_id)
     WHERE payments.captured_cents = payments.reserved_cents + payments.refunded_cents`,
  );
  const roomless = new Set(full.map(({ refund_id }) => refund_id));
  let differences: Awaited<ReturnType<Instance['reconcile']>> | undefined;
  // On a busy machine Stripe may be slow here too.
  for (let attempt = 0; attempt < 10 && differences === undefined; attempt += 1) {
    await outlived(async () => {
      differences = await world.instance(attempt).reconcile();
    });
  }
  if (differences === undefined) violations.push('it is not reconciled at rest');
  for (const { kind, entity_type, entity_id, stripe_id, here, at_stripe } of differences ?? []) {
    if (kind === 'overdraft' && entity_id !== null && roomless.has(entity_id)) continue;
    const sides = `${JSON.stringify(here)} here, ${JSON.stringify(at_stripe)} at Stripe`;
    violations.push(`reconciled at rest: ${entity_type} ${entity_id} ${stripe_id} ${kind}: ${sides}`);
  }
}

const everything = { where: {}, created: {}, limit: 10_000 };
const same = (known: unknown, there: unknown) => known === there || (known == null && there == null);

/** One refund of ours is at most one at Stripe, one at Stripe is exactly one of ours, and both say the same. */
function checkRefundsAtStripe({ world, violations }: Play, refunds: RefundRow[]): void {
  const there = world.standIn.world.store.list('refund', everything).map(({ body }) => body);
  const byStripeId = new Map(refunds.map((refund) => [refund.stripe_refund_id, refund]));
  const named = new Map<string, string>();
  for (const refund of there) {
    const ours = refund.metadata?.refund_id;
    if (ours !== undefined) {
      const other = named.get(ours);
      if (other !== undefined) violations.push(`${ours} was made twice at Stripe: ${other}, ${refund.id}`);
      named.set(ours, refund.id);
    }
    const row = byStripeId.get(refund.id);
    if (row === undefined) {
      violations.push(`${refund.id} at Stripe is not in the books`);
      continue;
    }
    if (ours !== undefined && row.refund_id !== ours)
      violations.push(`${refund.id} is ${row.refund_id}, and ${ours} at Stripe`);
    if (ours === undefined && row.origin !== 'external')
      violations.push(`${row.refund_id} is ours, and nobody's at Stripe`);
    const pairs: [string, unknown, unknown][] = [
      ['status', row.status, refund.status],
      ['amount', row.amount_cents, refund.amount],
      ['currency', row.currency, refund.currency],
      ['charge', row.charge_id, idOf(refund.charge)],
      ['failure_reason', row.failure_reason, refund.failure_reason],
      ['bank_reference', row.bank_reference, refund.destination_details?.card?.reference],
    ];
    for (const [name, known, said] of pairs) {
      if (!same(known, said)) violations.push(`${row.refund_id}: ${name} is ${known}, and ${said} at Stripe`);
    }
  }
  const ids = new Set(there.map(({ id }) => id));
  for (const { refund_id, stripe_refund_id, status } of refunds) {
    if (stripe_refund_id !== null && !ids.has(stripe_refund_id)) {
      violations.push(`${refund_id} is ${stripe_refund_id}, which is not at Stripe`);
    }
    if (
      stripe_refund_id === null &&
      !['awaiting_approval', 'rejected', 'canceled', 'failed'].includes(status)
    ) {
      violations.push(`${refund_id} is ${status} without being at Stripe`);
    }
  }
}

/** What Stripe itself counts: never more than was captured, and what its refunds add up to. */
function checkChargesAtStripe({ world, violations }: Play): void {
  const sums = new Map<string | null, number>();
  for (const { body } of world.standIn.world.store.list('refund', everything)) {
    if (body.status === 'failed' || body.status === 'canceled') continue;
    sums.set(idOf(body.charge), (sums.get(idOf(body.charge)) ?? 0) + body.amount);
  }
  for (const { body: charge } of world.standIn.world.store.list('charge', everything)) {
    const sum = sums.get(charge.id) ?? 0;
    if (charge.captured && (sum > charge.amount_captured || sum !== charge.amount_refunded)) {
      violations.push(
        `${charge.id}: ${sum} refunded, ${charge.amount_refunded} counted, of ${charge.amount_captured}`,
      );
    }
  }
}

async function checkPayments({ world, violations }: Play): Promise<void> {
  const rows = await world.query<{
    stripe_charge_id: string;
    captured_cents: number;
    status: string;
    currency: string;
  }>('SELECT stripe_charge_id, captured_cents, status, currency FROM payments');
  const known = new Map(rows.map((row) => [row.stripe_charge_id, row]));
  for (const { body: charge } of world.standIn.world.store.list('charge', everything)) {
    const row = known.get(charge.id);
    if (row === undefined) {
      violations.push(`${charge.id} at Stripe is not in the books`);
      continue;
    }
    const captured = charge.captured ? charge.amount_captured : 0;
    if (row.captured_cents !== captured)
      violations.push(`${charge.id}: captured ${row.captured_cents}, and ${captured} at Stripe`);
    const intent = world.standIn.world.store.find('payment_intent', idOf(charge.payment_intent) ?? '')?.body;
    if (intent !== undefined && row.status !== intent.status) {
      violations.push(`${charge.id}: status ${row.status}, and ${intent.status} at Stripe`);
    }
  }
}

async function checkDisputes({ world, violations }: Play): Promise<void> {
  const rows = await world.query<{ stripe_dispute_id: string; amount_cents: number; status: string }>(
    'SELECT stripe_dispute_id, amount_cents, status FROM disputes',
  );
  const known = new Map(rows.map((row) => [row.stripe_dispute_id, row]));
  for (const { body: dispute } of world.standIn.world.store.list('dispute', everything)) {
    const row = known.get(dispute.id);
    if (row?.amount_cents !== dispute.amount || row.status !== dispute.status) {
      violations.push(
        `${dispute.id}: ${row?.status} ${row?.amount_cents}, and ${dispute.status} ${dispute.amount} at Stripe`,
      );
    }
  }
}

/** What was sent and failed without being at Stripe: Stripe has been asked about it. */
function checkNeverEndedUnasked({ world, violations }: Play, refunds: RefundRow[]): void {
  for (const refund of refunds) {
    if (refund.stripe_refund_id !== null || refund.submitted_at === null || refund.status === 'pending')
      continue;
    const sent = world.asked.some(({ method, key }) => method === 'POST' && key === refund.refund_id);
    const lookedUp = world.asked.some(
      ({ method, path }) => method === 'GET' && path.startsWith('/v1/refunds?'),
    );
    const asked = refund.failure_reason === 'never_reached_provider' ? lookedUp : sent;
    if (refund.status !== 'failed' || !asked) {
      violations.push(
        `${refund.refund_id} has ended (${refund.status}, ${refund.failure_reason}) without Stripe having been asked`,
      );
    }
  }
}

function checkIssued({ world, violations }: Play, wish: Wish, refunds: RefundRow[]): void {
  const rows = refunds.filter(
    ({ note, reason, origin }) => origin === 'api' && (note === wish.tag || reason === wish.tag),
  );
  const name = `wish ${wish.number}`;
  const possible = wish.key === null ? wish.sends.filter((send) => !didNothing(send)).length : 1;
  // Another body under the same key carries the same tag, and one of the two at most has come to something.
  if (rows.length > possible)
    violations.push(`${name} has ${rows.length} refunds: ${rows.map((row) => row.refund_id)}`);
  const living = rows.filter(({ status }) => !['failed', 'canceled', 'rejected'].includes(status));
  const asked_cents = rows.reduce((sum, row) => sum + row.amount_cents, 0);
  const paid_cents = world.standIn.world.store
    .list('refund', everything)
    .filter(({ body }) => rows.some((row) => row.refund_id === body.metadata?.refund_id))
    .filter(({ body }) => body.status !== 'failed' && body.status !== 'canceled')
    .reduce((sum, { body }) => sum + body.amount, 0);
  if (paid_cents > asked_cents) violations.push(`${name}: ${paid_cents} paid, ${asked_cents} asked for`);
  if (wish.key === null && living.length > 1 && wish.sends.length > 1 && !wish.took_time) {
    violations.push(`${name} was clicked ${wish.sends.length} times and lives ${living.length} times`);
  }

  for (const send of wish.sends) {
    const { reply, body } = send;
    if (reply === undefined || !isFinal(send) || isOtherBody(send)) continue;
    if (reply.status >= 300) {
      if (wish.key !== null && body.refund_id === undefined && rows.length > 0) {
        violations.push(`${name} was refused (${reply.text}) and has ${rows[0]?.refund_id}`);
      }
      continue;
    }
    const row = rows.find(({ refund_id }) => refund_id === body.refund_id);
    if (row === undefined) {
      violations.push(`${name} was told of ${body.refund_id}, which is lost`);
      continue;
    }
    if (
      row.amount_cents !== body.amount_cents ||
      (wish.amount_cents ?? row.amount_cents) !== row.amount_cents
    ) {
      violations.push(
        `${name} asked for ${wish.amount_cents}, was told ${body.amount_cents}, and has ${row.amount_cents}`,
      );
    }
    if (
      reply.status === 201 &&
      body.stripe_refund_id !== undefined &&
      row.stripe_refund_id !== body.stripe_refund_id
    ) {
      violations.push(`${name} was told ${body.stripe_refund_id}, and it is ${row.stripe_refund_id}`);
    }
    if (row.requested_by_id !== wish.caller)
      violations.push(`${name} of ${wish.caller} is ${row.requested_by_id}'s`);
  }
  for (const row of rows) {
    const told = wish.sends.some(
      ({ reply, body }) => (reply?.status ?? 500) < 300 && body.refund_id === row.refund_id,
    );
    if (row.status === 'failed' && told && row.owed_cents !== row.amount_cents) {
      violations.push(`${row.refund_id} has failed after ${name} was told of it, and nothing is owed`);
    }
  }
}

function checkDecided({ violations }: Play, wish: Wish, refunds: RefundRow[]): void {
  const row = refunds.find(({ refund_id }) => refund_id === wish.refund_id);
  for (const { reply } of wish.sends) {
    if (reply === undefined || reply.status >= 300) continue;
    const name = `${wish.operation} of ${wish.refund_id} by ${wish.caller}`;
    if (row === undefined) violations.push(`${name}: it is lost`);
    else if (wish.operation === 'approve') {
      if (row.approved_by_id !== wish.caller) violations.push(`${name}: approved by ${row.approved_by_id}`);
      if (row.requested_by_id === wish.caller) violations.push(`${name}, who asked for it`);
      if (row.status === 'rejected') violations.push(`${name}: it is rejected`);
    } else if (wish.operation === 'reject' && row.status !== 'rejected')
      violations.push(`${name}: it is ${row.status}`);
    else if (wish.operation === 'cancel' && row.status !== 'canceled')
      violations.push(`${name}: it is ${row.status}`);
  }
}

/** Whatever was answered for a key, to anybody at any time, is the same to the byte. */
function checkAnswersAreKept({ wishes, violations }: Play): void {
  const scopes = Map.groupBy(
    wishes.filter(({ key }) => key !== null),
    scopeOf,
  );
  for (const [scope, sharing] of scopes) {
    const answers = sharing.flatMap((wish) =>
      wish.sends
        .filter((send) => isFinal(send) && !isOtherBody(send))
        // Two may have wanted the same; whoever wanted something else must not get that answer.
        .map(({ reply }) => `${wish.path} ${JSON.stringify(wish.body)}: ${reply?.status} ${reply?.text}`),
    );
    if (new Set(answers).size > 1)
      violations.push(`${scope} was answered differently: ${[...new Set(answers)].join(' | ')}`);
    for (const { sends, number } of sharing) {
      const final = sends.filter((send) => isFinal(send));
      if (final.some((send) => isOtherBody(send)) && !final.every((send) => isOtherBody(send))) {
        violations.push(`${scope} was refused as another body, and answered: wish ${number}`);
      }
    }
  }
}

async function checkKeys({ world, wishes, violations }: Play): Promise<void> {
  const kept = await world.query<{
    idempotency_key: string;
    answer_status: number | null;
    answer_body: string | null;
  }>('SELECT idempotency_key, answer_status, answer_body FROM idempotency_keys');
  for (const { idempotency_key: key, answer_status, answer_body } of kept) {
    const told = wishes
      .filter((wish) => wish.key === key)
      .flatMap(({ sends }) => sends.filter((send) => isFinal(send) && !isOtherBody(send)));
    const other = told.find(({ reply }) => reply?.status !== answer_status || reply?.text !== answer_body);
    if (other !== undefined) {
      violations.push(
        `${key} keeps ${answer_status} ${answer_body}, and answered ${other.reply?.status} ${other.reply?.text}`,
      );
    }
  }
}

/** Every event that was taken is in the inbox and came to an end. */
async function checkEvents({ world, violations }: Play): Promise<void> {
  const taken = world.standIn.world.store
    .sql("SELECT DISTINCT event_id FROM deliveries WHERE status = 'succeeded'")
    .all()
    .map(({ event_id }) => String(event_id));
  const rows = await world.query<{ stripe_event_id: string; status: string; error: string | null }>(
    'SELECT stripe_event_id, status, error FROM stripe_events',
  );
  const known = new Map(rows.map((row) => [row.stripe_event_id, row]));
  for (const id of taken) {
    const status = known.get(id)?.status;
    if (status === undefined || status === 'received' || status === 'failed') {
      violations.push(`${id} was taken and is ${status ?? 'lost'} (${known.get(id)?.error})`);
    }
  }
}
