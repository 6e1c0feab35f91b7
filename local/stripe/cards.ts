/**
 * Stripe's test cards (https://docs.stripe.com/testing) that this stand-in knows: by PaymentMethod name and by number.
 */
export type Card = {
  /** Names that may be given as `payment_method`. */
  names: string[];
  number: string;
  brand: string;
  funding: 'credit' | 'debit' | 'prepaid';
  country: string;
  /** Refused on confirmation with this error code and decline code. */
  decline?: { code: string; decline_code?: string; message: string };
  /** Wants 3-D Secure on confirmation. */
  authentication?: boolean;
  /** What becomes of its refunds. */
  refund?: 'pending_then_succeeded' | 'succeeded_then_failed';
  /** Opens a dispute soon after the payment. */
  dispute?: { reason: string; inquiry: boolean };
};

const DECLINED = 'Your card was declined.';
const INSUFFICIENT_FUNDS = 'Your card has insufficient funds.';

const declined = (
  name: string,
  number: string,
  code: string,
  decline_code: string | undefined,
  message: string,
): Card => ({
  names: [`pm_card_visa_${name}`, `pm_card_${name}`],
  number,
  brand: 'visa',
  funding: 'credit',
  country: 'US',
  decline: decline_code === undefined ? { code, message } : { code, decline_code, message },
});

const plain = (name: string, number: string, brand: string, more: Partial<Card> = {}): Card => ({
  names: [`pm_card_${name}`],
  number,
  brand,
  funding: 'credit',
  country: 'US',
  ...more,
});

const CARDS: Card[] = [
  plain('visa', '4242424242424242', 'visa'),
  plain('visa_debit', '4000056655665556', 'visa', { funding: 'debit' }),
  plain('mastercard', '5555555555554444', 'mastercard'),
  plain('mastercard_debit', '5200828282828210', 'mastercard', { funding: 'debit' }),
  plain('mastercard_prepaid', '5105105105105100', 'mastercard', { funding: 'prepaid' }),
  plain('amex', '378282246310005', 'amex'),
  plain('discover', '6011111111111117', 'discover'),
  plain('jcb', '3566002020360505', 'jcb', { country: 'JP' }),
  plain('jp', '4000003920000003', 'visa', { country: 'JP' }),
  plain('gb', '4000008260000000', 'visa', { country: 'GB' }),
  plain('de', '4000002760000016', 'visa', { country: 'DE' }),
  plain('fr', '4000002500000003', 'visa', { country: 'FR' }),
  plain('bypassPending', '4000000000000077', 'visa'),
  plain('authenticationRequired', '4000002760003184', 'visa', { authentication: true }),
  plain('pendingRefund', '4000000000007726', 'visa', { refund: 'pending_then_succeeded' }),
  plain('refundFail', '4000000000005126', 'visa', { refund: 'succeeded_then_failed' }),
  plain('createDispute', '4000000000000259', 'visa', { dispute: { reason: 'fraudulent', inquiry: false } }),
  plain('createDisputeProductNotReceived', '4000000000002685', 'visa', {
    dispute: { reason: 'product_not_received', inquiry: false },
  }),
  plain('createDisputeInquiry', '4000000000001976', 'visa', {
    dispute: { reason: 'fraudulent', inquiry: true },
  }),
  declined('chargeDeclined', '4000000000000002', 'card_declined', 'generic_decline', DECLINED),
  declined(
    'chargeDeclinedInsufficientFunds',
    '4000000000009995',
    'card_declined',
    'insufficient_funds',
    INSUFFICIENT_FUNDS,
  ),
  declined('chargeDeclinedLostCard', '4000000000009987', 'card_declined', 'lost_card', DECLINED),
  declined('chargeDeclinedStolenCard', '4000000000009979', 'card_declined', 'stolen_card', DECLINED),
  declined(
    'chargeDeclinedExpiredCard',
    '4000000000000069',
    'expired_card',
    undefined,
    'Your card has expired.',
  ),
  declined(
    'chargeDeclinedIncorrectCvc',
    '4000000000000127',
    'incorrect_cvc',
    undefined,
    "Your card's security code is incorrect.",
  ),
  declined(
    'chargeDeclinedProcessingError',
    '4000000000000119',
    'processing_error',
    undefined,
    'An error occurred while processing your card. Try again in a little bit.',
  ),
];

const byName = new Map(CARDS.flatMap((card) => card.names.map((name) => [name, card] as const)));
const byNumber = new Map(CARDS.map((card) => [card.number, card] as const));

/** A test card by the name that may be given as `payment_method`. */
export const cardByName = (name: string): Card | undefined => byName.get(name);
/** A test card by its number, with or without spaces. */
export const cardByNumber = (number: string): Card | undefined =>
  byNumber.get(number.replaceAll(/[ -]/g, ''));
/** The name under which a card is remembered with what it paid. */
export const cardName = (card: Card): string => card.names[0] ?? card.number;

/** What becomes of a refund. */
export type RefundBehaviour =
  | 'succeeded'
  | 'pending_then_succeeded'
  | 'pending_then_failed'
  | 'pending'
  | 'failed'
  | 'succeeded_then_failed'
  | 'requires_action';

/** Refund amounts (in the currency's smallest unit) that decide what becomes of the refund. They are this stand-in's own, not Stripe's. */
export const REFUND_AMOUNTS: ReadonlyMap<number, RefundBehaviour> = new Map([
  [6601, 'pending_then_succeeded'],
  [6602, 'failed'],
  [6603, 'succeeded_then_failed'],
  [6604, 'requires_action'],
  [6605, 'pending'],
  [6606, 'pending_then_failed'],
]);

/** Refund amounts that are refused with 400 and the code of that name. This stand-in's own, too. */
export const REFUSED_AMOUNTS = { balance_insufficient: 6607, charge_not_refundable: 6608 };
