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

/** An amount for a person to read, from the currency's smallest unit: `12.50 EUR`, `5800 JPY`. */
export function formatAmount(cents: number, currency: string): string {
  const decimals = DECIMALS[currency] ?? 2;
  const digits = String(cents).padStart(decimals + 1, '0');
  const amount = decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
  return `${amount} ${currency.toUpperCase()}`;
}
