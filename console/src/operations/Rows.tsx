import { Loader, Stack } from '@mantine/core';
import type { ComponentType, ReactNode } from 'react';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { type Column, Listing } from '../shell/Listing.tsx';
import { More } from '../shell/More.tsx';
import { t } from '../texts/texts.ts';

interface Props<Row> {
  /** What came of asking for them, page after page. */
  list: {
    data: { pages: { rows: readonly Row[] }[] } | undefined;
    error: Error | null;
    isPending: boolean;
    hasNextPage: boolean;
    isFetchingNextPage: boolean;
    fetchNextPage: () => unknown;
    refetch: () => unknown;
  };
  label: string;
  keyOf: (row: Row) => string;
  columns: readonly Column<Row>[];
  card: ComponentType<{ row: Row }>;
  /** Instead of a table without a line. */
  empty: ReactNode;
}

/** A list of the service's own things, with what there is to say while it is asked for, empty, or has failed. */
export function Rows<Row>({ list, label, keyOf, columns, card, empty }: Props<Row>) {
  if (list.isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (list.data === undefined) return <ErrorNotice error={list.error} retry={() => void list.refetch()} />;
  const rows = list.data.pages.flatMap((page) => page.rows);
  if (rows.length === 0) return empty;
  return (
    <Stack gap="sm">
      <Listing label={label} rows={rows} keyOf={keyOf} columns={columns} card={card} />
      <More list={list} count={rows.length} />
    </Stack>
  );
}
