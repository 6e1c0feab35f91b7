import { Button, Card, Grid, Group, Loader, Stack, Text, Title, UnstyledButton } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { CustomerTotals } from '../customers/CustomerTotals.tsx';
import { Patterns } from '../customers/Patterns.tsx';
import { customerQuery } from '../customers/queries.ts';
import { Money } from '../money/Money.tsx';
import { formatMoney } from '../money/money.ts';
import { PaymentBar } from '../payments/PaymentBar.tsx';
import type { Action } from '../refunds/actions/acts.ts';
import { RefundActions } from '../refunds/actions/RefundActions.tsx';
import { type ListedRefund, newestRefundsQuery, refundListQuery, refundQuery } from '../refunds/queries.ts';
import { reasonText } from '../refunds/reason.ts';
import { StatusBadge } from '../refunds/StatusBadge.tsx';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { Facts } from '../shell/Facts.tsx';
import { PageLink } from '../shell/links.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';

const route = getRouteApi('/approvals');
const WAITING = { status: 'awaiting_approval' } as const;

/** What waits for somebody's approval, and what there is to know before deciding on it. */
export function Approvals() {
  const { refund_id, action } = route.useSearch();
  const navigate = useNavigate();
  const list = useInfiniteQuery(refundListQuery(WAITING));
  const newest = useQuery({ ...newestRefundsQuery(WAITING), enabled: list.isSuccess });
  const go = (search: { refund_id?: string; action?: Action }) => void navigate({ to: '/approvals', search });

  if (list.isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (list.data === undefined) {
    return (
      <Page title={t.approvals.title}>
        <ErrorNotice error={list.error} retry={() => void list.refetch()} />
      </Page>
    );
  }
  const [first, ...more] = list.data.pages;
  // Whoever decides elsewhere takes a row out of the queue: the first page is as it is now.
  const waiting = [...(newest.data ?? first?.refunds ?? []), ...more.flatMap(({ refunds }) => refunds)];
  if (waiting.length === 0 && refund_id === undefined) {
    return (
      <Page title={t.approvals.title}>
        <Empty title={t.approvals.empty} text={t.approvals.empty_text} />
      </Page>
    );
  }
  return (
    <Page title={t.approvals.title}>
      <Text size="sm" role="status">
        {t.approvals.waits(waiting.length)}
      </Text>
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Stack gap="xs" component="ul" className="cards" aria-label={t.approvals.queue}>
            {waiting.map((refund) => (
              <Waiting
                key={refund.refund_id}
                refund={refund}
                chosen={refund.refund_id === refund_id}
                onChoose={() => go({ refund_id: refund.refund_id })}
              />
            ))}
          </Stack>
          {list.hasNextPage && (
            <Button
              variant="default"
              mt="sm"
              loading={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage()}
            >
              {t.common.more}
            </Button>
          )}
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 7 }}>
          {refund_id === undefined ? (
            <Empty title={t.approvals.pick} text="" />
          ) : (
            <Chosen
              refund_id={refund_id}
              action={action}
              onAction={(next) => go({ refund_id, ...(next === undefined ? {} : { action: next }) })}
            />
          )}
        </Grid.Col>
      </Grid>
    </Page>
  );
}

interface WaitingProps {
  refund: ListedRefund;
  chosen: boolean;
  onChoose: () => void;
}

function Waiting({ refund, chosen, onChoose }: WaitingProps) {
  return (
    <Card withBorder padding={0} component="li" className={chosen ? 'chosen' : undefined}>
      <UnstyledButton onClick={onChoose} p="sm" aria-current={chosen}>
        <Group justify="space-between">
          <Text fw={600}>
            <Money cents={refund.amount_cents} currency={refund.currency} />
          </Text>
          <Text size="sm" c="dimmed">
            <Moment at={refund.created_at} />
          </Text>
        </Group>
        <Text size="sm">{refund.customer_id}</Text>
        <Text size="sm" c="dimmed">
          {reasonText(refund.reason)} · {t.approvals.asked_by(refund.requested_by_id ?? t.common.none)}
        </Text>
      </UnstyledButton>
    </Card>
  );
}

interface ChosenProps {
  refund_id: string;
  action: Action | undefined;
  onAction: (action: Action | undefined) => void;
}

function Chosen({ refund_id, action, onAction }: ChosenProps) {
  const { data: refund, error, isPending, refetch } = useQuery(refundQuery(refund_id));
  if (isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (refund === undefined) return <ErrorNotice error={error} retry={() => void refetch()} />;
  return (
    <Stack gap="lg">
      <Card withBorder padding="lg">
        <Stack gap="md">
          <Group justify="space-between">
            <Title order={2} size="h4">
              {t.refund.titled(formatMoney(refund.amount_cents, refund.currency))}
            </Title>
            <Button component={Link} to={`/refunds/${refund_id}`} variant="subtle" size="compact-sm">
              {t.approvals.whole}
            </Button>
          </Group>
          <Group gap="sm" role="status" wrap="nowrap" align="start">
            <StatusBadge status={refund.status} />
            <Text>{refund.location.message}</Text>
          </Group>
          <PaymentBar payment={refund.payment} />
          <Facts
            facts={[
              [t.columns.requested_by, refund.requested_by_id],
              [t.columns.reason, reasonText(refund.reason)],
              [t.refund.note, refund.note],
              [
                t.columns.payment,
                <PageLink
                  key="payment"
                  to="/payments/$payment_id"
                  params={{ payment_id: refund.payment_id }}
                  className="id"
                >
                  {refund.payment_id}
                </PageLink>,
              ],
            ]}
          />
          <RefundActions refund={refund} action={action} onAction={onAction} />
        </Stack>
      </Card>
      <History customer_id={refund.customer_id} />
    </Stack>
  );
}

/** What else there is of the customer. */
function History({ customer_id }: { customer_id: string }) {
  const { data: customer, error, refetch } = useQuery(customerQuery(customer_id));
  return (
    <Card withBorder padding="lg">
      <Stack gap="md">
        <Group justify="space-between">
          <Title order={2} size="h4">
            {t.approvals.history}
          </Title>
          <PageLink to="/customers/$customer_id" params={{ customer_id }}>
            {customer_id}
          </PageLink>
        </Group>
        {error !== null && customer === undefined && (
          <ErrorNotice error={error} retry={() => void refetch()} />
        )}
        {customer !== undefined && <Patterns patterns={customer.patterns} />}
        {customer?.totals.map((total) => (
          <CustomerTotals key={total.currency} total={total} />
        ))}
      </Stack>
    </Card>
  );
}
