import type { ConsoleFigures } from './console.ts';
import type { HotFigures } from './hot.ts';
import type { IssuingFigures, IssuingRun } from './issuing.ts';
import type { RecoveryFigures } from './recovery.ts';
import type { WebhookFigures } from './webhooks.ts';

type Cell = string | number;

/** Figures as Markdown, to be read in a terminal and to be pasted into the README. */
function table(head: string[], rows: Cell[][]): string {
  const text = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? figure(cell) : cell)));
  const widths = head.map((name, column) =>
    Math.max(name.length, ...text.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...text.map(line)].join('\n');
}

const figure = (value: number): string =>
  value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en-US');

const PROGRAMS = ['service', 'postgres', 'stand_in', 'callers'] as const;

export function issuingTable({ moderate, full, beside_events }: IssuingFigures): string {
  const row = (name: string, run: IssuingRun): Cell[] => [
    name,
    run.per_s,
    run.p50_ms,
    run.p95_ms,
    run.p99_ms,
    run.own_p50_ms,
    ...PROGRAMS.map((program) => run.cpu_ms?.[program]?.toFixed(2) ?? '-'),
    run.other_cores?.toFixed(2) ?? '-',
  ];
  return table(
    [
      'refunds',
      'per s',
      'p50 ms',
      'p95 ms',
      'p99 ms',
      'own p50 ms',
      'CPU ms: service',
      'PostgreSQL',
      'stand-in',
      'callers',
      'cores taken by others',
    ],
    [
      row('at a moderate load', moderate),
      ...full.map((run) => row(`${run.callers} callers`, run)),
      row(`${beside_events.callers} callers, with webhooks`, beside_events),
    ],
  );
}

export function hotTable({ others, crowd, alone, beside_spread, beside_hot }: HotFigures): string {
  const row = (name: string, { others: seen, crowd: crowded }: HotFigures['alone']): Cell[] => [
    name,
    seen.per_s,
    seen.p50_ms,
    seen.p95_ms,
    seen.p99_ms,
    crowded?.per_s ?? '-',
  ];
  return table(
    [`${others} callers`, 'per s', 'p50 ms', 'p95 ms', 'p99 ms', 'the crowd, per s'],
    [
      row('alone', alone),
      row(`beside ${crowd} who want many payments`, beside_spread),
      row(`beside ${crowd} who want one payment`, beside_hot),
    ],
  );
}

export function recoveryTable({ unknown, made, took_s, requests, refused_429 }: RecoveryFigures): string {
  return table(
    ['unknown outcomes', 'of these made', 'known within s', 'requests to Stripe', 'answered 429'],
    [[String(unknown), String(made), took_s, String(requests), String(refused_429)]],
  );
}

export function webhooksTable(figures: WebhookFigures): string {
  const tenths = figures.processed_per_s_by_tenth;
  return table(
    ['webhooks', 'per s'],
    [
      [
        `accepted (${figures.accept_p50_ms} ms at the median, ${figures.accept_p99_ms} ms at p99)`,
        figures.accepted_per_s,
      ],
      [`processed, with ${figures.events.toLocaleString('en-US')} queued`, figures.processed_per_s],
      ['its slowest tenth', Math.min(...tenths)],
      ['accepted while processing', figures.both.accepted_per_s],
      ['processed while accepting', figures.both.processed_per_s],
    ],
  );
}

export function consoleTable({
  refunds,
  opened,
  opened_again,
  filtered,
  more,
  found,
  layout_shift,
}: ConsoleFigures): string {
  const rows = { opened, 'opened again': opened_again, filtered, 'more rows': more, 'found by an id': found };
  return [
    table(
      [`the console, of ${refunds.toLocaleString('en-US')} refunds`, 'p50 ms', 'longest ms'],
      Object.entries(rows).map(([name, { p50_ms, max_ms }]) => [name, p50_ms, max_ms]),
    ),
    '',
    `Layout shift while the list opens: ${layout_shift.toFixed(3)}`,
  ].join('\n');
}
