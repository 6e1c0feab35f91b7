import type { Transaction } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { formatAmount } from '../payments/money.ts';
import { requireRefund } from './approve.ts';
import { recordChange } from './history.ts';
import { type Caller, causeOf, type IssueDeps } from './issue.ts';
import * as queries from './queries.ts';
import { counts } from './refund.ts';
import { readAgain, withLockedPayment } from './submit.ts';

/** How what a customer was still owed has been put right. */
export interface ResolveCommand {
  refund_id: string;
  resolution: queries.Resolution;
  /** By what it was paid otherwise, e.g. a bank transfer's number; or why nothing is owed. */
  reference: string | null;
  /** The refund that was made in its place. */
  replacement_refund_id: string | null;
}

/** Notes how what is owed because a refund failed has been put right. The same word again changes nothing. */
export async function resolveRefund(
  deps: IssueDeps,
  command: ResolveCommand,
  caller: Caller,
): Promise<queries.Refund> {
  const found = await requireRefund(deps, command.refund_id, caller);
  return await withLockedPayment(deps, found, async (tx) => {
    const refund = await readAgain(tx, command.refund_id);
    if (refund.resolved_at !== null) {
      if (isSame(refund, command)) return refund;
      throw new ServiceError('conflict', {
        message: `The refund has been resolved already, as ${refund.resolution?.replaceAll('_', ' ')}.`,
        facts: { refund_id: refund.refund_id },
      });
    }
    if (refund.owed_cents === 0) {
      throw new ServiceError('precondition_failed', {
        message: 'Nothing is owed because of this refund.',
        facts: { refund_id: refund.refund_id },
      });
    }
    if (command.replacement_refund_id !== null) {
      await refuseReplacement(tx, refund, command.replacement_refund_id);
    }
    const resolved = await queries.resolve(tx, refund.refund_id, {
      resolution: command.resolution,
      reference: command.reference,
      replaced_by: command.replacement_refund_id,
    });
    await recordChange(
      tx,
      resolved,
      { audit: 'refund.resolved', event: 'refund.resolved.v1' },
      causeOf(caller),
      {
        owed_cents: resolved.owed_cents,
        resolution: resolved.resolution,
        replaced_by: resolved.replaced_by,
        before: { resolution: null },
      },
    );
    return resolved;
  });
}

const isSame = (refund: queries.Refund, command: ResolveCommand) =>
  refund.resolution === command.resolution &&
  refund.resolution_reference === command.reference &&
  refund.replaced_by === command.replacement_refund_id;

/** A later refund of the same payment that pays all that is owed, is at the provider, and stands in for no other. */
async function refuseReplacement(tx: Transaction, refund: queries.Refund, replacementId: string) {
  const field = 'replacement_refund_id';
  const replacement = await queries.findById(tx, replacementId);
  if (
    replacement === undefined ||
    replacement.payment_id !== refund.payment_id ||
    replacement.refund_id === refund.refund_id
  ) {
    throw new ServiceError('unprocessable', {
      field,
      message: 'replacement_refund_id has to be another refund of the same payment.',
    });
  }
  if (replacement.created_at < refund.created_at) {
    throw new ServiceError('precondition_failed', {
      field,
      message: 'The replacement is older than the refund that it is to stand in for.',
    });
  }
  if (!counts(replacement.status)) {
    throw new ServiceError('precondition_failed', {
      field,
      message: `The replacement has ended without paying: it is ${replacement.status}.`,
    });
  }
  if (replacement.stripe_refund_id === null) {
    throw new ServiceError('precondition_failed', {
      field,
      message: `The replacement is not at Stripe yet: it is ${replacement.status.replaceAll('_', ' ')}.`,
    });
  }
  if (replacement.amount_cents < refund.owed_cents) {
    throw new ServiceError('precondition_failed', {
      field,
      message: `${formatAmount(refund.owed_cents, refund.currency)} is owed, and the replacement is of ${formatAmount(replacement.amount_cents, replacement.currency)} only.`,
    });
  }
  if (await queries.isReplacement(tx, replacementId)) {
    throw new ServiceError('conflict', {
      field,
      message: 'The replacement stands in for another refund already.',
    });
  }
}
