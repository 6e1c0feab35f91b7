import type { RequestBody } from '@payments/client';
import Papa from 'papaparse';
import { parseMoney } from '../money/money.ts';
import { t } from '../texts/texts.ts';

export type BatchRow = RequestBody<'createRefundBatch'>['rows'][number];

export const ROWS_MAX = 5_000;
const COLUMNS = ['payment_id', 'charge_id', 'amount', 'currency', 'reason', 'note'] as const;
type Column = (typeof COLUMNS)[number];

export interface ReadRows {
  rows: BatchRow[];
  /** What is wrong, a sentence each; where there is any nothing is to be sent. */
  problems: string[];
  /** What the file has and nobody reads. */
  unknown: string[];
}

/**
 * Rows of a CSV text (RFC 4180, also with semicolons or tabs, as spreadsheets write it) whose first line names the columns; amounts are
 * typed as money, in the decimals of their currency.
 *
 * @param reason of rows that name none
 */
export function readRows(text: string, reason: string | undefined): ReadRows {
  const { data, meta } = Papa.parse<Record<string, string | undefined>>(text.trim(), {
    header: true,
    skipEmptyLines: 'greedy',
    transformHeader: (name) => name.trim().toLowerCase(),
  });
  const problems: string[] = [];
  const rows = data.map((cells, index) => {
    const cell = (name: Column) => cells[name]?.trim() ?? '';
    const wrong = (what: string) => problems.push(t.bulk.problem(index + 2, what));
    const [payment_id, charge_id] = [cell('payment_id'), cell('charge_id')];
    if (payment_id === '' && charge_id === '') wrong(t.bulk.problems.no_id);
    if (payment_id !== '' && charge_id !== '') wrong(t.bulk.problems.two_ids);
    const currency = cell('currency').toLowerCase();
    const why = cell('reason') || reason;
    if (why === undefined) wrong(t.bulk.problems.no_reason);
    const amount = readAmount(cell('amount'), currency, wrong);
    return {
      ...(payment_id === '' ? {} : { payment_id }),
      ...(charge_id === '' ? {} : { charge_id }),
      ...(amount === undefined ? {} : { amount_cents: amount }),
      ...(currency === '' ? {} : { currency }),
      reason: why ?? '',
      ...(cell('note') === '' ? {} : { note: cell('note') }),
    };
  });
  if (rows.length === 0) problems.push(t.bulk.none);
  if (rows.length > ROWS_MAX) problems.push(t.bulk.too_many(ROWS_MAX));
  const unknown = (meta.fields ?? []).filter((name) => !COLUMNS.some((one) => one === name));
  return { rows, problems, unknown };
}

function readAmount(text: string, currency: string, wrong: (what: string) => void): number | undefined {
  if (text === '') return undefined;
  if (!/^[a-z]{3}$/.test(currency)) {
    wrong(t.bulk.problems.no_currency);
    return undefined;
  }
  const parsed = parseMoney(text, currency);
  if ('cents' in parsed && parsed.cents > 0) return parsed.cents;
  wrong(t.bulk.problems.amount(text));
  return undefined;
}
