import {
  Alert,
  Anchor,
  Badge,
  Button,
  Card,
  Grid,
  Group,
  Loader,
  Stack,
  Table,
  Text,
  Title,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { Money } from '../money/Money.tsx';
import { formatMoney } from '../money/money.ts';
import { RefundDialog } from '../refunds/issue/RefundDialog.tsx';
import { reasonText } from '../refunds/reason.ts';
import { StatusBadge } from '../refunds/StatusBadge.tsx';
import { useMay } from '../session/session.ts';
import { Copyable } from '../shell/Copyable.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { Facts } from '../shell/Facts.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import { methodText } from './method.ts';
import { PaymentBar } from './PaymentBar.tsx';
import { type PaymentDetail, paymentQuery } from './queries.ts';

const route = getRouteApi('/payments/$payment_id');

/** One payment: what of it has gone back, what is left, and the way to refund it. */
export function PaymentPage() {
  const { payment_id } = route.useParams();
  const { refund = false } = route.useSearch();
  const navigate = useNavigate();
  const { data: payment, error, isPending, refetch } = useQuery(paymentQuery(payment_id));
  const may = useMay('admin:refunds.issue');
  // Whether the dialog is open is in the address: a reload comes back to it.
  const open = (refunding: boolean) =>
    void navigate({
      to: '/payments/$payment_id',
      params: { payment_id },
      search: refunding ? { refund: true } : {},
      replace: true,
    });

  if (isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (payment === undefined) {
    return (
      <Page title={t.payment.title}>
        <ErrorNotice error={error} retry={() => void refetch()} />
      </Page>
    );
  }
  return (
    <Page
      title={t.payment.titled(formatMoney(payment.captured_cents, payment.currency))}
      actions={
        may && (
          <Button onClick={() => open(true)} disabled={payment.refusal !== null}>
            {t.payment.refund}
          </Button>
        )
      }
    >
      {payment.refusal !== null && (
        <Alert color="gray" title={t.payment.not_refundable}>
          {payment.refusal.message}
        </Alert>
      )}
      {payment.disputes.map((dispute) => (
        <Alert key={dispute.dispute_id} color="orange" title={t.payment.disputed(dispute.status)}>
          <Money cents={dispute.amount_cents} currency={payment.currency} />
          {dispute.evidence_due_by !== null && (
            <>
              {' · '}
              {t.payment.evidence} <Moment at={dispute.evidence_due_by} />
            </>
          )}
        </Alert>
      ))}
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Card withBorder padding="lg">
            <Stack gap="md">
              <PaymentBar payment={payment} />
              <PaymentFacts payment={payment} />
            </Stack>
          </Card>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <PaymentRefunds payment={payment} />
        </Grid.Col>
      </Grid>
      {refund && may && <RefundDialog payment={payment} onClose={() => open(false)} />}
    </Page>
  );
}

function PaymentFacts({ payment }: { payment: PaymentDetail }) {
  return (
    <Facts
      facts={[
        [
          t.columns.customer,
          <Anchor
            key="customer"
            component={Link}
            to={`/customers/${encodeURIComponent(payment.customer_id)}`}
          >
            {payment.customer_id}
          </Anchor>,
        ],
        [t.payment.method, methodText(payment.payment_method)],
        [
          t.payment.status,
          <Badge key="status" variant="light" color="gray" tt="none">
            {payment.status.replaceAll('_', ' ')}
          </Badge>,
        ],
        [t.payment.made, <Moment key="made" at={payment.created_at} />],
        [t.payment.order, payment.order_id],
        [t.payment.subscription, payment.subscription_id],
        [t.columns.payment, <Copyable key="payment" value={payment.payment_id} what={t.columns.payment} />],
        [
          t.columns.charge,
          payment.charge_id && <Copyable key="charge" value={payment.charge_id} what={t.columns.charge} />,
        ],
        [
          t.payment.intent,
          payment.stripe_payment_intent_id && (
            <Copyable key="intent" value={payment.stripe_payment_intent_id} what={t.payment.intent} />
          ),
        ],
      ]}
    />
  );
}

function PaymentRefunds({ payment: { refunds, currency } }: { payment: PaymentDetail }) {
  return (
    <Card withBorder padding="lg">
      <Title order={2} size="h4" mb="md">
        {t.payment.refunds}
      </Title>
      {refunds.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t.payment.no_refunds}
        </Text>
      ) : (
        <Table verticalSpacing="xs" horizontalSpacing={0}>
          <Table.Tbody>
            {refunds.map((refund) => (
              <Table.Tr key={refund.refund_id}>
                <Table.Td>
                  <Anchor component={Link} to={`/refunds/${refund.refund_id}`} size="sm">
                    <Moment at={refund.created_at} />
                  </Anchor>
                  <Text size="xs" c="dimmed">
                    {reasonText(refund.reason)}
                  </Text>
                </Table.Td>
                <Table.Td ta="right">
                  <Group gap="xs" justify="flex-end">
                    <Money cents={refund.amount_cents} currency={currency} />
                    <StatusBadge status={refund.status} />
                  </Group>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Card>
  );
}
