import { type Transaction, withTransaction } from '../database/pool.ts';
import { observeDispute } from '../disputes/observe.ts';
import { type Change, linkInvoice, lockPayment, observePayment } from '../payments/observe.ts';
import type { Payment } from '../payments/payment.ts';
import { observeRefund, recountRefunds, type SettleOptions } from '../refunds/settle.ts';
import { type AskDeps, askForEverything, type Finding, type Shelved } from './ask.ts';

/** What was done: how many objects are new, differ from what was known, or say nothing new. */
export type Changes = Record<Change, number>;

/**
 * Brings a finding into the books in one transaction, together with `finish`. Where a refund does not fit what is left
 * of its payment, what we know may be old, and where more has gone back than the books count, there are refunds that they do
 * not know: then Stripe is asked, outside any transaction, for the payment and all of
 * its refunds, and what it says stands.
 *
 * @param cause what made us ask: an event's id, or `backfill`
 * @param finish what must be true exactly if the finding is in the books, e.g. that its event is processed
 */
export async function bringIn(
  deps: AskDeps,
  finding: Finding,
  cause: string,
  finish: (tx: Transaction) => Promise<void> = async () => {},
): Promise<Changes | Shelved> {
  const changes = await withTransaction(deps.pool, async (tx) => {
    const applied = await applyFinding(tx, finding, { cause, overdraft: 'refuse' });
    // What it said of the payment is true even so, and is kept; the event is not done.
    if (typeof applied !== 'string') await finish(tx);
    return applied;
  });
  if (typeof changes !== 'string') return changes;

  const everything = await askForEverything(deps, finding);
  if (typeof everything === 'string') return everything;
  const disputes = [...everything.disputes, ...finding.disputes];
  const whole = { ...everything, disputes, invoice: finding.invoice };
  return await withTransaction(deps.pool, async (tx) => {
    const applied = await applyFinding(tx, whole, { cause, overdraft: 'record' });
    if (typeof applied === 'string') throw new Error('An overdraft that is to be recorded was refused');
    await finish(tx);
    return applied;
  });
}

/** Payment first, then what hangs on it: the order in which locks are taken everywhere. */
async function applyFinding(
  tx: Transaction,
  { payment: observation, refunds, refunded_cents = 0, disputes, invoice }: Finding,
  options: SettleOptions,
): Promise<Changes | 'overdraft' | 'incomplete'> {
  const { cause } = options;
  const changes: Changes = { imported: 0, updated: 0, unchanged: 0 };
  const followed = await observePayment(tx, observation, cause);
  changes[followed.change] += 1;
  let payment = followed.payment;
  if (invoice !== null) {
    const linked = await linkInvoice(tx, payment, invoice, cause);
    changes[linked.change] += 1;
    payment = linked.payment;
  }
  for (const refund of refunds) {
    const settlement = await observeRefund(tx, payment, refund, options);
    if (settlement === 'overdraft') return 'overdraft';
    changes[settlement === 'moved' ? 'updated' : settlement] += 1;
    if (settlement !== 'unchanged') payment = await readAgain(tx, payment);
  }
  for (const dispute of disputes) changes[await observeDispute(tx, payment, dispute, cause)] += 1;

  // The bound on what is captured may have kept it above what Stripe says; refunds that ended may have lowered it.
  if (refunds.length > 0 && payment.captured_cents > observation.captured_cents) {
    payment = (await observePayment(tx, observation, cause)).payment;
  }
  await recountRefunds(tx, payment, cause);
  return refunded_cents > payment.reserved_cents + payment.refunded_cents ? 'incomplete' : changes;
}

/** The payment with its counters as this transaction has moved them. */
async function readAgain(tx: Transaction, payment: Payment): Promise<Payment> {
  const again = await lockPayment(tx, payment);
  if (again === undefined) throw new Error('A locked payment is gone');
  return again;
}
