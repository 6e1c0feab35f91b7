import type Stripe from 'stripe';
import {
  type Answer,
  type AskDeps,
  CHARGE_WITH_INTENT,
  findingOfCharge,
  findingOfDispute,
  findingOfInvoicePayment,
  findingOfRefund,
  INVOICE_PAYMENTS_WITH_PAYMENT,
  type ObjectType,
  startAsking,
  WITH_PAYMENT,
} from './ask.ts';

/** What is read, in this order: payments first, so that what hangs on them finds them. */
export const STEPS = ['charges', 'invoice_payments', 'refunds', 'disputes'] as const;
export type Step = (typeof STEPS)[number];

/** What Stripe created between two moments. */
export interface Window {
  window_from: Date;
  window_until: Date;
}

/** One of Stripe's pages, from new to old: each object with how to find out what it says of its payment. */
export interface Page {
  more: boolean;
  entries: Entry[];
}

export interface Entry {
  id: string;
  type: ObjectType;
  created_at: Date;
  find: () => Promise<Answer>;
}

const PAGE_SIZE = 100;

/** Asks for the page after an object, or for the first. @throws the SDK's errors */
export async function askForPage(
  deps: AskDeps,
  step: Step,
  { window_from, window_until }: Window,
  startingAfter: string | null,
): Promise<Page> {
  const { stripe } = deps;
  const params = {
    limit: PAGE_SIZE,
    created: {
      gte: Math.max(0, Math.floor(window_from.getTime() / 1000)),
      lte: Math.floor(window_until.getTime() / 1000),
    },
    ...(startingAfter === null ? {} : { starting_after: startingAfter }),
  };
  const context = await startAsking(deps);
  const listed = (paths: readonly string[]) => ({ ...params, expand: paths.map((path) => `data.${path}`) });
  switch (step) {
    case 'charges':
      return page('charge', await stripe.charges.list(listed(CHARGE_WITH_INTENT)), (charge) =>
        findingOfCharge(deps, charge, context),
      );
    case 'invoice_payments':
      return page(
        'invoice_payment',
        await stripe.invoicePayments.list({ ...listed(INVOICE_PAYMENTS_WITH_PAYMENT), status: 'paid' }),
        (paid) => findingOfInvoicePayment(deps, paid, context),
      );
    case 'refunds':
      return page('refund', await stripe.refunds.list(listed(WITH_PAYMENT)), (refund) =>
        findingOfRefund(deps, refund, context),
      );
    case 'disputes':
      return page('dispute', await stripe.disputes.list(listed(WITH_PAYMENT)), (dispute) =>
        findingOfDispute(deps, dispute, context),
      );
  }
}

function page<T extends { id: string; created: number }>(
  type: ObjectType,
  list: Stripe.ApiList<T>,
  find: (object: T) => Promise<Answer>,
): Page {
  return {
    more: list.has_more,
    entries: list.data.map((object) => ({
      id: object.id,
      type,
      created_at: new Date(object.created * 1000),
      find: () => find(object),
    })),
  };
}

/** How much of a window has been read when its pages have reached a moment: they run from its end to its beginning. */
export function shareRead({ window_from, window_until }: Window, reached: Date): number {
  const whole = window_until.getTime() - window_from.getTime();
  const read = window_until.getTime() - reached.getTime();
  return whole <= 0 ? 1 : Math.min(1, Math.max(0, read / whole));
}
