import { Button, Group, Text } from '@mantine/core';
import { t } from '../texts/texts.ts';
import { ErrorNotice } from './ErrorNotice.tsx';

interface Props {
  /** What came of asking for the rows, page after page. */
  list: {
    error: Error | null;
    hasNextPage: boolean;
    isFetchingNextPage: boolean;
    fetchNextPage: () => unknown;
  };
  /** How many are shown. */
  count: number;
}

/** Below a list: how many rows are shown, and the way to more of them. */
export function More({ list, count }: Props) {
  const more = () => void list.fetchNextPage();
  return (
    <>
      {list.error !== null && <ErrorNotice error={list.error} retry={more} />}
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          {t.common.shown(count)}
        </Text>
        {list.hasNextPage && (
          <Button variant="default" loading={list.isFetchingNextPage} onClick={more}>
            {t.common.more}
          </Button>
        )}
      </Group>
    </>
  );
}
