import { Table } from '@mantine/core';
import { Money } from '../money/Money.tsx';
import type { RefundFilters } from '../refunds/filters.ts';
import { PageLink } from '../shell/links.tsx';
import { t } from '../texts/texts.ts';

interface Part {
  key: string;
  label: string;
  count: number;
  /** Undefined: nothing is said of amounts. */
  amount_cents?: number;
  /** What lists the refunds behind it; undefined: no filter does. */
  filters?: RefundFilters;
}

interface Props {
  caption: string;
  /** What the first column names. */
  head: string;
  parts: readonly Part[];
  currency: string;
}

/** Parts of a whole, a line and a bar each: a chart that is a table. */
export function Breakdown({ caption, head, parts, currency }: Props) {
  const most = Math.max(1, ...parts.map(({ count }) => count));
  const hasAmounts = parts.some(({ amount_cents }) => amount_cents !== undefined);
  return (
    <Table verticalSpacing={6} horizontalSpacing="xs" className="breakdown">
      <caption className="hidden">{caption}</caption>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{head}</Table.Th>
          <Table.Th scope="col" ta="right">
            {t.insights.count}
          </Table.Th>
          {hasAmounts && (
            <Table.Th scope="col" ta="right">
              {t.insights.amount}
            </Table.Th>
          )}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {parts.map(({ key, label, count, amount_cents, filters }) => (
          <Table.Tr key={key}>
            <Table.Th scope="row" fw={400}>
              {filters === undefined ? (
                label
              ) : (
                <PageLink to="/refunds" search={filters} size="sm">
                  {label}
                </PageLink>
              )}
              <span className="bar" aria-hidden="true">
                <span style={{ inlineSize: `${(100 * count) / most}%` }} />
              </span>
            </Table.Th>
            <Table.Td ta="right" className="money">
              {count.toLocaleString()}
            </Table.Td>
            {hasAmounts && (
              <Table.Td ta="right">
                {amount_cents !== undefined && <Money cents={amount_cents} currency={currency} />}
              </Table.Td>
            )}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
