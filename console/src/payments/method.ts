import { t } from '../texts/texts.ts';
import type { PaymentDetail } from './queries.ts';

/** With what it was paid, as an agent says it: `Visa ···4242`. */
export function methodText(method: PaymentDetail['payment_method']): string {
  if (method === null) return t.payment.method_unknown;
  const name = (method.brand ?? method.type).replaceAll('_', ' ');
  const last4 = method.last4 === null ? '' : ` ···${method.last4}`;
  return `${name.slice(0, 1).toUpperCase()}${name.slice(1)}${last4}`;
}
