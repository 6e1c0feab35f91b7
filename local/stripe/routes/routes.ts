import type { Http } from '../http.ts';
import { balanceRoutes } from './balance.ts';
import { chargeRoutes } from './charges.ts';
import { customerRoutes } from './customers.ts';
import { disputeRoutes } from './disputes.ts';
import { eventRoutes } from './events.ts';
import { invoicePaymentRoutes } from './invoice_payments.ts';
import { paymentIntentRoutes } from './payment_intents.ts';
import { paymentMethodRoutes } from './payment_methods.ts';
import { refundRoutes } from './refunds.ts';
import { webhookEndpointRoutes } from './webhook_endpoints.ts';

/** Every route of Stripe's API that the stand-in speaks. What is not here is answered with 501. */
export function addRoutes(http: Pick<Http, 'route'>): void {
  const { route } = http;
  customerRoutes(route);
  paymentMethodRoutes(route);
  paymentIntentRoutes(route);
  chargeRoutes(route);
  refundRoutes(route);
  disputeRoutes(route);
  eventRoutes(route);
  webhookEndpointRoutes(route);
  invoicePaymentRoutes(route);
  balanceRoutes(route);
}
