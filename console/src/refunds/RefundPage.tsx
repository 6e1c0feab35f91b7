import {
  Alert,
  Anchor,
  Button,
  Card,
  Grid,
  Group,
  Loader,
  Stack,
  Text,
  Timeline,
  Title,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { api, bodyOf } from '../api/api.ts';
import { Money } from '../money/Money.tsx';
import { formatMoney } from '../money/money.ts';
import { PaymentBar } from '../payments/PaymentBar.tsx';
import { useMay } from '../session/session.ts';
import { Copyable } from '../shell/Copyable.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { Facts } from '../shell/Facts.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import { RefundActions } from './actions/RefundActions.tsx';
import { type RefundDetail, refundQuery } from './queries.ts';
import { reasonText } from './reason.ts';
import { StatusBadge } from './StatusBadge.tsx';

const route = getRouteApi('/refunds/$refund_id');

/** One refund: where the money is, what to tell the customer, and how it came there. */
export function RefundPage() {
  const { refund_id } = route.useParams();
  const { action } = route.useSearch();
  const navigate = useNavigate();
  const { data: refund, error, isPending, refetch } = useQuery(refundQuery(refund_id));
  if (isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (refund === undefined) {
    return (
      <Page title={t.refund.title}>
        <ErrorNotice error={error} retry={() => void refetch()} />
      </Page>
    );
  }
  return (
    <Page
      title={t.refund.titled(formatMoney(refund.amount_cents, refund.currency))}
      actions={<Sync refund={refund} />}
    >
      <Where refund={refund} />
      <RefundActions
        refund={refund}
        action={action}
        onAction={(next) =>
          void navigate({
            to: '/refunds/$refund_id',
            params: { refund_id },
            search: next === undefined ? {} : { action: next },
            replace: true,
          })
        }
      />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <RefundFacts refund={refund} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <History refund={refund} />
        </Grid.Col>
      </Grid>
    </Page>
  );
}

function Where({ refund }: { refund: RefundDetail }) {
  return (
    <Card withBorder padding="lg">
      <Stack gap="sm">
        <Group justify="space-between">
          <Group gap="sm">
            <StatusBadge status={refund.status} />
            <Text fw={600} size="lg">
              <Money cents={refund.amount_cents} currency={refund.currency} />
            </Text>
          </Group>
          <Anchor component={Link} to={`/customers/${encodeURIComponent(refund.customer_id)}`}>
            {refund.customer_id}
          </Anchor>
        </Group>
        <div role="status">
          {refund.attention === null ? (
            <Text>{refund.location.message}</Text>
          ) : (
            <Alert
              color="red"
              title={t.refunds.owed(formatMoney(refund.attention.owed_cents, refund.currency))}
            >
              {refund.location.message}
            </Alert>
          )}
        </div>
        <div>
          <Text size="sm" c="dimmed">
            {t.refund.tell}
          </Text>
          <Copyable value={refund.location.customer_message} what={t.refund.tell} text />
        </div>
        {refund.bank_reference !== null && (
          <Text size="sm" component="div">
            {t.refund.bank_reference}{' '}
            <Copyable value={refund.bank_reference} what={t.refund.bank_reference} />
          </Text>
        )}
      </Stack>
    </Card>
  );
}

/** Has Stripe asked now; what it says appears by itself. */
function Sync({ refund }: { refund: RefundDetail }) {
  const queries = useQueryClient();
  const may = useMay('admin:refunds.issue', 'admin:refunds.approve');
  const sync = useMutation({
    mutationFn: () =>
      bodyOf(
        api.POST('/v1/admin/refunds/{refund_id}/sync', {
          params: { path: { refund_id: refund.refund_id } },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ['refunds'] }),
  });
  if (!may) return null;
  return (
    <Group gap="sm">
      {sync.isError && <ErrorNotice error={sync.error} />}
      <Button variant="default" loading={sync.isPending} onClick={() => sync.mutate()}>
        {t.refund.sync}
      </Button>
    </Group>
  );
}

function RefundFacts({ refund }: { refund: RefundDetail }) {
  const id = (value: string | null, what: string) =>
    value === null ? null : <Copyable value={value} what={what} />;
  return (
    <Card withBorder padding="lg">
      <Stack gap="md">
        <Title order={2} size="h4">
          {t.refund.payment}
        </Title>
        <PaymentBar payment={refund.payment} />
        <Facts
          facts={[
            [t.columns.reason, reasonText(refund.reason)],
            [t.refund.note, refund.note],
            [
              t.columns.requested_by,
              refund.origin === 'external' ? t.refunds.external : refund.requested_by_id,
            ],
            [t.refund.approved_by, refund.approved_by_id],
            [t.refund.decision_note, refund.decision_note],
            [t.columns.refund, id(refund.refund_id, t.columns.refund)],
            [t.columns.stripe_refund, id(refund.stripe_refund_id, t.columns.stripe_refund)],
            [t.columns.charge, id(refund.charge_id, t.columns.charge)],
            [
              t.columns.payment,
              <Anchor key="payment" component={Link} to={`/payments/${refund.payment_id}`} className="id">
                {refund.payment_id}
              </Anchor>,
            ],
          ]}
        />
      </Stack>
    </Card>
  );
}

function History({ refund }: { refund: RefundDetail }) {
  const { timeline } = refund;
  return (
    <Card withBorder padding="lg">
      <Title order={2} size="h4" mb="md">
        {t.refund.history}
      </Title>
      <Timeline active={timeline.length - 1} bulletSize={14} lineWidth={2}>
        {timeline.map(({ at, from_status, to_status, actor_type, actor_id, cause }) => (
          <Timeline.Item key={`${at} ${to_status} ${cause}`} title={t.refund.step(from_status, to_status)}>
            <Text size="sm" c="dimmed">
              <Moment at={at} /> · {t.refund.actor(actor_type, actor_id)}
            </Text>
          </Timeline.Item>
        ))}
      </Timeline>
    </Card>
  );
}
