/**
 * How many decimals the smallest unit of a currency stands for at Stripe, where it is not two. Not ISO 4217's: Stripe counts
 * ISK and UGX in hundredths. https://docs.stripe.com/currencies#zero-decimal
 */
const DECIMALS: Record<string, number> = {
  ...Object.fromEntries(
    'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' ').map((currency) => [currency, 0]),
  ),
  ...Object.fromEntries('bhd jod kwd omr tnd'.split(' ').map((currency) => [currency, 3])),
};

/** How many decimals an amount of a currency (ISO 4217, lower case) has; its smallest unit is the last of them. */
export const decimalsOf = (currency: string): number => DECIMALS[currency] ?? 2;

/** An amount in digits, from the currency's smallest unit: `12.50`, `5800`. */
export function amountDigits(cents: number, currency: string): string {
  const decimals = decimalsOf(currency);
  const digits = String(Math.abs(cents)).padStart(decimals + 1, '0');
  const amount = decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
  return cents < 0 ? `-${amount}` : amount;
}

/** An amount for a person to read, from the currency's smallest unit: `12.50 EUR`, `5800 JPY`. */
export const formatAmount = (cents: number, currency: string): string =>
  `${amountDigits(cents, currency)} ${currency.toUpperCase()}`;
