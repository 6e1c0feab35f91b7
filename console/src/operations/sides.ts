import { formatMoney } from '../money/money.ts';
import { t } from '../texts/texts.ts';

type Side = Readonly<Record<string, unknown>> | null;

interface Compared {
  /** What is compared: the API's name of it, as words. */
  fact: string;
  here: string;
  at_stripe: string;
  differs: boolean;
}

/** What the books and Stripe say of one thing, side by side; amounts in the currency that either side names. */
export function compareSides(here: Side, at_stripe: Side): Compared[] {
  const currency = [here?.currency, at_stripe?.currency].find((one) => typeof one === 'string');
  const names = [...new Set([...Object.keys(here ?? {}), ...Object.keys(at_stripe ?? {})])];
  return names.map((name) => {
    const say = (side: Side) => (side === null ? t.common.none : text(name, side[name], side.currency));
    return {
      fact: wordsOf(name),
      here: say(here),
      at_stripe: say(at_stripe),
      differs: here !== null && at_stripe !== null && !isSame(here[name], at_stripe[name]),
    };
  });

  function text(name: string, value: unknown, own: unknown): string {
    if (value === null || value === undefined) return t.common.none;
    const money = typeof own === 'string' ? own : currency;
    if (name.endsWith('_cents') && typeof value === 'number' && typeof money === 'string')
      return formatMoney(value, money);
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
}

const isSame = (one: unknown, other: unknown) =>
  JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

function wordsOf(name: string): string {
  const words = name.replace(/_cents$/, '').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
