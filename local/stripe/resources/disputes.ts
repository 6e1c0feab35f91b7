import type Stripe from 'stripe';
import { difference } from '../difference.ts';
import { invalidRequest, noSuchObject } from '../errors.ts';
import { emitEvent } from '../events.ts';
import { mergeMetadata } from '../forms.ts';
import type { DueActions } from '../schedule.ts';
import { transact, type World } from '../world.ts';
import { bookBalance } from './balance.ts';
import { idOf, requireCharge } from './charges.ts';
import { failRefund } from './refunds.ts';

export const DISPUTE_STATUSES = [
  'lost',
  'needs_response',
  'under_review',
  'warning_closed',
  'warning_needs_response',
  'warning_under_review',
  'won',
] as const;
export type DisputeStatus = (typeof DISPUTE_STATUSES)[number];

export type DisputeInput = {
  charge: string;
  /** In the currency's smallest unit; omitted: what was captured. May be larger than the charge. */
  amount?: number | undefined;
  reason?: string | undefined;
  /** An inquiry (status `warning_needs_response`): the money stays and the charge can still be refunded. */
  inquiry?: boolean | undefined;
};

const FEE = 1500;
const isInquiry = (status: string) => status.startsWith('warning_');

const evidence = (): Stripe.Dispute.Evidence => ({
  access_activity_log: null,
  billing_address: null,
  cancellation_policy: null,
  cancellation_policy_disclosure: null,
  cancellation_rebuttal: null,
  customer_communication: null,
  customer_email_address: null,
  customer_name: null,
  customer_purchase_ip: null,
  customer_signature: null,
  duplicate_charge_documentation: null,
  duplicate_charge_explanation: null,
  duplicate_charge_id: null,
  enhanced_evidence: {},
  product_description: null,
  receipt: null,
  refund_policy: null,
  refund_policy_disclosure: null,
  refund_refusal_explanation: null,
  service_date: null,
  service_documentation: null,
  shipping_address: null,
  shipping_carrier: null,
  shipping_date: null,
  shipping_documentation: null,
  shipping_tracking_number: null,
  uncategorized_file: null,
  uncategorized_text: null,
});

/**
 * A cardholder disputes a charge. Emits `charge.dispute.created`, and `charge.dispute.funds_withdrawn` where it is not an inquiry.
 */
export function openDispute(world: World, input: DisputeInput): Stripe.Dispute {
  return transact(world, () => {
    const charge = requireCharge(world, input.charge);
    const inquiry = input.inquiry ?? false;
    const created = world.clock.now_s();
    const id = world.ids.next('dp');
    const amount = input.amount ?? charge.amount_captured;
    const card = charge.payment_method_details?.card;
    const dispute: Stripe.Dispute = {
      id,
      object: 'dispute',
      amount,
      balance_transactions: [],
      charge: charge.id,
      created,
      currency: charge.currency,
      enhanced_eligibility_types: [],
      evidence: evidence(),
      evidence_details: {
        due_by: created + 9 * 86_400,
        enhanced_eligibility: {},
        has_evidence: false,
        past_due: false,
        submission_count: 0,
        submission_method: 'not_submitted',
      },
      intended_submission_method: null,
      is_charge_refundable: inquiry,
      livemode: world.livemode,
      metadata: {},
      payment_intent: idOf(charge.payment_intent),
      payment_method_details: {
        card: {
          brand: card?.brand ?? 'visa',
          case_type: inquiry ? 'inquiry' : 'chargeback',
          network: card?.network ?? 'visa',
          network_reason_code: inquiry ? '10' : '10.4',
        },
        type: 'card',
      },
      reason: input.reason ?? 'fraudulent',
      status: inquiry ? 'warning_needs_response' : 'needs_response',
    };
    if (!inquiry) dispute.balance_transactions = [withdraw(world, dispute)];
    world.store.insert('dispute', dispute, {
      charge: charge.id,
      payment_intent: idOf(charge.payment_intent),
    });
    world.store.update('charge', { ...charge, disputed: true });
    emitEvent(world, 'charge.dispute.created', dispute);
    if (!inquiry) {
      emitEvent(world, 'charge.dispute.funds_withdrawn', dispute);
      failPendingRefunds(world, charge.id);
    }
    return dispute;
  });
}

/** The bank takes the whole sum, so what is still on its way to the customer is stopped. */
function failPendingRefunds(world: World, charge: string): void {
  for (const row of world.store.list('refund', { where: { charge }, created: {}, limit: 1000 }))
    if (row.body.status === 'pending') failRefund(world, row.id, 'charge_for_pending_refund_disputed');
}

const withdraw = (world: World, dispute: Stripe.Dispute) =>
  bookBalance(world, {
    type: 'adjustment',
    amount: -dispute.amount,
    currency: dispute.currency,
    source: dispute.id,
    description: `Chargeback withdrawal for ${idOf(dispute.charge)}`,
    fee: FEE,
  });

export function requireDispute(world: World, id: string): Stripe.Dispute {
  const row = world.store.find('dispute', id);
  if (row === undefined) throw noSuchObject('dispute', id);
  return row.body;
}

/**
 * Moves a dispute to another status: an inquiry may escalate to `needs_response` (the money is withdrawn), a dispute may be
 * `won` (the money comes back) or `lost`. Emits `charge.dispute.updated` or `.closed`, and the movement of the funds.
 */
export function setDisputeStatus(world: World, id: string, status: DisputeStatus): Stripe.Dispute {
  return transact(world, () => {
    const dispute = requireDispute(world, id);
    const closed = ['won', 'lost', 'warning_closed'];
    if (closed.includes(dispute.status))
      throw invalidRequest(`Dispute ${id} is already closed with a status of ${dispute.status}.`);
    const escalates = isInquiry(dispute.status) && !isInquiry(status);
    const wins = status === 'won';
    const changed: Stripe.Dispute = {
      ...dispute,
      status,
      // After an inquiry is closed or a dispute is won, the money is the merchant's and may be given back.
      is_charge_refundable: isInquiry(status) || wins,
    };
    if (escalates && changed.payment_method_details?.card !== undefined)
      changed.payment_method_details = {
        ...changed.payment_method_details,
        card: {
          ...changed.payment_method_details.card,
          case_type: 'chargeback',
          network_reason_code: '10.4',
        },
      };
    if (escalates) changed.balance_transactions = [...dispute.balance_transactions, withdraw(world, dispute)];
    if (wins && changed.balance_transactions.length > 0)
      changed.balance_transactions = [
        ...changed.balance_transactions,
        bookBalance(world, {
          type: 'adjustment',
          amount: dispute.amount,
          currency: dispute.currency,
          source: dispute.id,
          description: `Chargeback reversal for ${idOf(dispute.charge)}`,
        }),
      ];
    world.store.update('dispute', changed);
    if (escalates) {
      emitEvent(world, 'charge.dispute.funds_withdrawn', changed);
      failPendingRefunds(world, idOf(dispute.charge) ?? '');
    }
    if (wins) emitEvent(world, 'charge.dispute.funds_reinstated', changed);
    if (closed.includes(status)) emitEvent(world, 'charge.dispute.closed', changed);
    else emitEvent(world, 'charge.dispute.updated', changed, difference(dispute, changed));
    return changed;
  });
}

export type EvidenceText = Record<string, string | null>;

/** Adds evidence or metadata; with `submit` (Stripe's default) evidence goes to the bank and the dispute is under review. */
export function updateDispute(
  world: World,
  id: string,
  change: {
    metadata?: Record<string, string | null> | null | undefined;
    evidence?: EvidenceText | undefined;
    submit?: boolean | undefined;
  },
): Stripe.Dispute {
  return transact(world, () => {
    const dispute = requireDispute(world, id);
    const given = change.evidence !== undefined;
    if (given && !dispute.status.endsWith('needs_response'))
      throw invalidRequest(`This dispute is already closed and cannot be updated.`, { param: 'evidence' });
    const submits = given && change.submit !== false;
    const changed: Stripe.Dispute = {
      ...dispute,
      metadata: mergeMetadata(dispute.metadata, change.metadata),
      evidence: { ...dispute.evidence, ...change.evidence },
      evidence_details: {
        ...dispute.evidence_details,
        has_evidence: dispute.evidence_details.has_evidence || given,
        submission_count: dispute.evidence_details.submission_count + (submits ? 1 : 0),
        submission_method: submits ? 'manual' : dispute.evidence_details.submission_method,
      },
      status: submits
        ? isInquiry(dispute.status)
          ? 'warning_under_review'
          : 'under_review'
        : dispute.status,
    };
    const previous = difference(dispute, changed);
    if (previous === undefined) return dispute;
    world.store.update('dispute', changed);
    emitEvent(world, 'charge.dispute.updated', changed, previous);
    return changed;
  });
}

export const disputeActions: DueActions = {
  'dispute.open': (world, charge, detail) => {
    if (world.store.find('charge', charge) === undefined) return;
    openDispute(world, { charge, reason: String(detail.reason), inquiry: detail.inquiry === true });
  },
};
