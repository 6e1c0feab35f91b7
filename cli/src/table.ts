import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** What a status looks like on a terminal. */
const STYLES: Record<string, Style> = {
  succeeded: 'green',
  delivered: 'green',
  enabled: 'green',
  issued: 'green',
  finished: 'green',
  failed: 'red',
  disabled: 'red',
  cannot: 'red',
  rejected: 'red',
  awaiting_approval: 'yellow',
  requires_action: 'yellow',
  pending: 'yellow',
};

/** Lines of columns under a head; colours on a terminal only (and as NO_COLOR and FORCE_COLOR say). */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const write = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const padding = column === head.length - 1 ? '' : ' '.repeat((widths[column] ?? 0) - cell.length);
        return paint(cell) + padding;
      })
      .join('  ')
      .trimEnd();
  return `${all.map((row) => `${write(row)}\n`).join('')}`;
}

/** Names and values below one another; what is null is left out. */
export function facts(entries: readonly (readonly [name: string, value: string | null])[]): string {
  const shown = entries.filter((entry): entry is readonly [string, string] => entry[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length)) + 2;
  return shown.map(([name, value]) => `${name.padEnd(width)}${paint(value)}\n`).join('');
}

/** A word as it looks on a terminal. */
export function paint(word: string): string {
  const style = STYLES[word];
  return style === undefined ? word : styleText(style, word, { stream: process.stdout });
}

/** What came from elsewhere, without what a terminal would obey. */
export const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, '?');
