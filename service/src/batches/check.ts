import type { Transaction } from '../database/pool.ts';
import { findBlockingDisputes } from '../disputes/observe.ts';
import { ServiceError } from '../errors.ts';
import { formatAmount } from '../payments/money.ts';
import { holdPaymentsOfBrand } from '../payments/observe.ts';
import { type Payment, refundableCents } from '../payments/payment.ts';
import { refuseAmount, refusePayment } from '../refunds/refusals.ts';
import type { AskedRow, CheckedRow } from './batch.ts';

/** Where money is taken out of the books of somebody who was forgotten, it is not done by the hundred. */
export const refuseErased = () =>
  new ServiceError('precondition_failed', {
    message: 'The customer of this payment was erased: it is refunded by itself, or not at all.',
  });

/** What the rows before have taken of a payment. */
interface Taken {
  cents: number;
  by_row: number;
}

/**
 * Says of each row what it will do, or why it cannot: what issuing it would say, with the rows before it as if they were done. What is
 * issued is decided again then. Until the transaction ends no customer of these payments is erased, so that what was written of them is
 * there to be emptied, or was never stored.
 */
export async function checkRows(
  tx: Transaction,
  brandId: string,
  rows: readonly AskedRow[],
): Promise<CheckedRow[]> {
  const payments = await holdPaymentsOfBrand(tx, brandId, {
    payment_ids: rows.flatMap(({ payment_id }) => payment_id ?? []),
    charge_ids: rows.flatMap(({ charge_id }) => charge_id ?? []),
  });
  const disputes = await findBlockingDisputes(
    tx,
    payments.map(({ payment_id }) => payment_id),
  );
  const byId = new Map(payments.map((payment) => [payment.payment_id, payment]));
  const byCharge = new Map(payments.map((payment) => [payment.stripe_charge_id, payment]));
  const taken = new Map<string, Taken>();

  return rows.map((row, index) => {
    const row_no = index + 1;
    const payment =
      row.payment_id === undefined ? byCharge.get(row.charge_id ?? '') : byId.get(row.payment_id);
    const before = taken.get(payment?.payment_id ?? '');
    const known = payment && { payment, dispute: disputes.get(payment.payment_id), before };
    const left = known === undefined ? 0 : refundableCents(known.payment) - (before?.cents ?? 0);
    const amount_cents = row.amount_cents ?? (left > 0 ? left : null);
    const refusal = refuseRow(row, known, left);
    if (refusal === undefined && payment !== undefined) {
      taken.set(payment.payment_id, {
        cents: (before?.cents ?? 0) + (amount_cents ?? 0),
        by_row: before?.by_row ?? row_no,
      });
    }
    return {
      row_no,
      payment_id: payment?.payment_id ?? row.payment_id ?? null,
      charge_id: payment?.stripe_charge_id ?? row.charge_id ?? null,
      amount_cents,
      currency: payment?.currency ?? row.currency ?? null,
      remaining_cents: known === undefined ? null : left - (refusal === undefined ? (amount_cents ?? 0) : 0),
      ...(payment?.erased_at === null || payment === undefined
        ? { reason: row.reason, note: row.note ?? null }
        : { reason: null, note: null }),
      status: refusal === undefined ? 'checked' : 'cannot',
      refusal_code: refusal?.code ?? null,
      refusal_message: refusal?.message ?? null,
    };
  });
}

function refuseRow(
  row: AskedRow,
  known: { payment: Payment; dispute: string | undefined; before: Taken | undefined } | undefined,
  left: number,
): ServiceError | undefined {
  if ((row.payment_id === undefined) === (row.charge_id === undefined)) {
    return new ServiceError('unprocessable', {
      message: 'A row names its payment by payment_id or by charge_id: one of the two.',
    });
  }
  if (known === undefined) {
    const what = row.payment_id === undefined ? 'charge' : 'payment';
    return new ServiceError('not_found', { message: `There is no such ${what}.` });
  }
  const { payment, dispute, before } = known;
  if (payment.erased_at !== null) return refuseErased();
  const refusal = refusePayment(payment, dispute);
  if (refusal !== undefined) return refusal;
  if (row.currency !== undefined && row.currency !== payment.currency) {
    return new ServiceError('unprocessable', {
      message: `The payment was made in ${payment.currency.toUpperCase()}, not in ${row.currency.toUpperCase()}.`,
    });
  }
  const amount = row.amount_cents ?? left;
  if (left > 0 && amount <= left) return undefined;
  if (before === undefined) return refuseAmount(payment, amount);
  return new ServiceError('conflict', {
    message:
      left > 0
        ? `${formatAmount(amount, payment.currency)} is more than what is left after the rows before it, from row ${before.by_row} on: ${formatAmount(left, payment.currency)}.`
        : `Nothing is left of the payment after the rows before it, from row ${before.by_row} on.`,
  });
}
