import { formatMoney } from './money.ts';

/** An amount in the currency's smallest unit, in digits of one width, so that columns line up. */
export function Money({ cents, currency }: { cents: number; currency: string }) {
  return <span className="money">{formatMoney(cents, currency)}</span>;
}
