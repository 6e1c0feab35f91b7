import type { Chance } from './chance.ts';

const FIRST = [
  'Ada',
  'Bola',
  'Chiara',
  'Dmitri',
  'Elif',
  'Farid',
  'Grace',
  'Hana',
  'Ines',
  'Jun',
  'Kofi',
  'Lena',
  'Mateo',
  'Noor',
  'Olga',
  'Priya',
  'Quentin',
  'Rosa',
  'Sven',
  'Tariq',
  'Uma',
  'Viktor',
  'Wei',
  'Ximena',
  'Yara',
  'Zoë',
];
const LAST = [
  'Abe',
  'Berg',
  'Costa',
  'Dubois',
  'Eriksen',
  'Fischer',
  'García',
  'Haddad',
  'Ito',
  'Jansen',
  'Kowalski',
  'Larsen',
  'Moreau',
  'Nowak',
  'Okafor',
  'Patel',
  'Quist',
  'Rossi',
  'Silva',
  'Tanaka',
  'Usman',
  'Vega',
  'Weber',
  'Young',
];

/** How a customer pays: where from, in what, and as whom the platform knows them. */
export interface Person {
  name: string;
  email: string;
  currency: string;
  brand: string | null;
  /** The platform's own id for the customer; null where only Stripe's is known. */
  platform_id: string | null;
  card: string;
}

/** A person, by chance. `number` keeps names and ids apart. */
export function inventPerson(chance: Chance, number: number): Person {
  const first = FIRST[chance.whole(0, FIRST.length - 1)] ?? 'Ada';
  const last = LAST[chance.whole(0, LAST.length - 1)] ?? 'Abe';
  const currency = chance.oneOf([
    [52, 'usd'],
    [24, 'eur'],
    [12, 'gbp'],
    [9, 'jpy'],
    [3, 'sek'],
  ]);
  return {
    name: `${first} ${last}`,
    email: `${first}.${last}.${number}@example.com`.toLowerCase(),
    currency,
    brand: chance.oneOf([
      [80, null],
      [13, 'aurora'],
      [7, 'borealis'],
    ]),
    platform_id: chance.happens(0.85) ? `customer_${String(number).padStart(4, '0')}` : null,
    card: chance.oneOf([
      [50, 'pm_card_visa'],
      [25, 'pm_card_mastercard'],
      [8, 'pm_card_amex'],
      [7, 'pm_card_visa_debit'],
      [10, currency === 'jpy' ? 'pm_card_jcb' : 'pm_card_de'],
    ]),
  };
}

/** A price that people pay, in the currency's smallest unit: 4990 is $49.90, and ¥4,990. */
export function inventAmount(chance: Chance, currency: string): number {
  const tens = Math.round(10 * 2 ** chance.between(0, 5));
  if (currency === 'jpy') return tens * 100 - 20;
  if (currency === 'sek') return tens * 1_000;
  return tens * 100 - 10;
}
