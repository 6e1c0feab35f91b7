import { amountDigits, decimalsOf } from '@payments/service/payments/money.ts';

const formats = new Map<string, Intl.NumberFormat>();

/** An amount in the currency's smallest unit, as the agent's language writes it: `€12.50`, `¥5,800`. */
export function formatMoney(cents: number, currency: string, locale?: string): string {
  const name = `${locale} ${currency}`;
  let format = formats.get(name);
  if (format === undefined) {
    const decimals = decimalsOf(currency);
    format = new Intl.NumberFormat(locale, {
      style: 'currency',
      currency: currency.toUpperCase(),
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
    formats.set(name, format);
  }
  // Digits rather than a division, which would show another amount where a float cannot hold it.
  return format.format(amountDigits(cents, currency) as Intl.StringNumericLiteral);
}

export type MoneyProblem = 'empty' | 'not_an_amount' | 'ambiguous' | 'too_many_decimals' | 'too_large';

/** The most that the service takes. */
const CENTS_MAX = 999_999_999_999;
const PLAIN = /^(\d*)(?:[.,](\d*))?$/;
const GROUPED = /^([1-9]\d{0,2}(?:,\d{3})+)(?:\.(\d*))?$|^([1-9]\d{0,2}(?:\.\d{3})+)(?:,(\d*))?$/;
/** `1,234` is two amounts to two people. */
const AMBIGUOUS = /^[1-9]\d{0,2}[.,]\d{3}$/;

/**
 * What somebody typed as money, in the currency's smallest unit: with a point or a comma, with marks of thousands, with the currency's
 * own sign and no other's.
 */
export function parseMoney(
  typed: string,
  currency: string,
  locale?: string,
): { cents: number } | { problem: MoneyProblem } {
  if (typed.trim() === '') return { problem: 'empty' };
  const decimals = decimalsOf(currency);
  const text = withoutSign(typed.replace(/[\s'’]/g, ''), currency, locale);
  if (AMBIGUOUS.test(text) && decimals > 0) return { problem: 'ambiguous' };
  const parts = GROUPED.exec(text) ?? PLAIN.exec(text);
  const [whole = '', fraction = ''] = parts?.slice(1).filter((part) => part !== undefined) ?? [];
  const digits = whole.replace(/\D/g, '');
  if (digits === '' && fraction === '') return { problem: 'not_an_amount' };
  if (fraction.length > decimals) return { problem: 'too_many_decimals' };
  const cents = Number(`${digits}${fraction.padEnd(decimals, '0')}`);
  return cents > CENTS_MAX ? { problem: 'too_large' } : { cents };
}

function withoutSign(text: string, currency: string, locale: string | undefined): string {
  const signs = (['code', 'symbol', 'narrowSymbol'] as const).map((currencyDisplay) =>
    new Intl.NumberFormat(locale, { style: 'currency', currency, currencyDisplay })
      .formatToParts(0)
      .find(({ type }) => type === 'currency')
      ?.value.toUpperCase(),
  );
  const upper = text.toUpperCase();
  for (const sign of signs) {
    if (sign === undefined || sign === '') continue;
    if (upper.startsWith(sign)) return text.slice(sign.length);
    if (upper.endsWith(sign)) return text.slice(0, -sign.length);
  }
  return text;
}
