import { Button, Group, Loader, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Money } from '../../money/Money.tsx';
import { ErrorNotice } from '../../shell/ErrorNotice.tsx';
import { t } from '../../texts/texts.ts';
import { refundQuery } from '../queries.ts';
import { StatusBadge } from '../StatusBadge.tsx';

/** What has come of a refund that was asked for, as it changes. */
export function Outcome({ refund_id, onClose }: { refund_id: string; onClose: () => void }) {
  const { data: refund, error, refetch } = useQuery(refundQuery(refund_id));
  return (
    <Stack gap="md">
      {refund === undefined && error !== null && <ErrorNotice error={error} retry={() => void refetch()} />}
      {refund === undefined && error === null && <Loader aria-label={t.common.loading} mx="auto" />}
      {refund !== undefined && (
        <Stack gap="xs" role="status">
          <Group gap="sm">
            <StatusBadge status={refund.status} />
            <Text fw={600}>
              <Money cents={refund.amount_cents} currency={refund.currency} />
            </Text>
          </Group>
          <Text>{refund.location.message}</Text>
          <Text size="sm" c="dimmed">
            {t.refund.tell}: {refund.location.customer_message}
          </Text>
        </Stack>
      )}
      <Group justify="flex-end">
        <Button component={Link} to={`/refunds/${refund_id}`} variant="default" onClick={onClose}>
          {t.issue.open}
        </Button>
        <Button onClick={onClose} data-autofocus>
          {t.issue.done}
        </Button>
      </Group>
    </Stack>
  );
}
