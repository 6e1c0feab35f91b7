import { Alert, Card, Group, Loader, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { columnsOf, PaymentCard } from '../payments/columns.tsx';
import { paymentListQuery } from '../payments/queries.ts';
import { columnsNamed, RefundCard } from '../refunds/columns.tsx';
import { refundListQuery } from '../refunds/queries.ts';
import { useSession } from '../session/session.ts';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { Facts } from '../shell/Facts.tsx';
import { Listing } from '../shell/Listing.tsx';
import { PageLink } from '../shell/links.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { Moment } from '../time/Moment.tsx';
import { CustomerTotals } from './CustomerTotals.tsx';
import { DISPUTE_COLUMNS, DisputeCard } from './disputes.tsx';
import { Patterns } from './Patterns.tsx';
import { customerQuery, disputesQuery } from './queries.ts';

const route = getRouteApi('/customers/$customer_id');
/** How many of each are shown here; all of them are a click away. */
const SHOWN = 10;
/** What stands in place of somebody who was erased (docs/privacy.md). */
const ERASED = /^erased_/;
const REFUND_COLUMNS = columnsNamed(['created_at', 'amount', 'status', 'reason', 'payment']);

/** A customer: what they paid, what went back, and what a look should not miss. */
export function CustomerPage() {
  const { customer_id } = route.useParams();
  const { data: customer, error, isPending, refetch } = useQuery(customerQuery(customer_id));
  if (isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (customer === undefined) {
    return (
      <Page title={t.customer.title}>
        <ErrorNotice error={error} retry={() => void refetch()} />
      </Page>
    );
  }
  return (
    <Page title={t.customer.titled(customer_id)}>
      {ERASED.test(customer_id) && (
        <Alert color="gray" title={t.customer.erased}>
          {t.customer.erased_text}
        </Alert>
      )}
      <Patterns patterns={customer.patterns} />
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="lg">
        {customer.totals.map((total) => (
          <Card key={total.currency} withBorder padding="lg">
            <Title order={2} size="h5" mb="sm">
              {total.currency.toUpperCase()}
            </Title>
            <CustomerTotals total={total} />
          </Card>
        ))}
        <Card withBorder padding="lg">
          <Facts
            facts={[
              [t.customer.since, momentOf(customer.first_payment_at)],
              [t.customer.last_payment, momentOf(customer.last_payment_at)],
              [t.customer.last_refund, momentOf(customer.last_refund_at)],
            ]}
          />
        </Card>
      </SimpleGrid>
      <Refunds customer_id={customer_id} />
      <Payments customer_id={customer_id} />
      {customer.totals.some(({ dispute_count }) => dispute_count > 0) && (
        <Disputes customer_id={customer_id} />
      )}
    </Page>
  );
}

const momentOf = (at: string | null) => at && <Moment key={at} at={at} dateOnly />;

function Refunds({ customer_id }: { customer_id: string }) {
  const { data, error, isPending, refetch } = useInfiniteQuery(refundListQuery({ customer_id }));
  const refunds = data?.pages[0]?.refunds;
  return (
    <Section
      title={t.customer.refunds}
      all={
        <PageLink to="/refunds" search={{ customer_id }} size="sm">
          {t.customer.all_refunds}
        </PageLink>
      }
    >
      {isPending && <Loader aria-label={t.common.loading} mx="auto" />}
      {error !== null && <ErrorNotice error={error} retry={() => void refetch()} />}
      {refunds?.length === 0 && <Text size="sm">{t.customer.no_refunds}</Text>}
      {refunds !== undefined && refunds.length > 0 && (
        <Listing
          label={t.customer.refunds}
          rows={refunds.slice(0, SHOWN)}
          keyOf={({ refund_id }) => refund_id}
          columns={REFUND_COLUMNS}
          addressOf={({ refund_id }) => `/refunds/${refund_id}`}
          card={RefundCard}
        />
      )}
    </Section>
  );
}

function Payments({ customer_id }: { customer_id: string }) {
  const { data, error, isPending, refetch } = useInfiniteQuery(paymentListQuery({ customer_id }, SHOWN));
  const payments = data?.pages[0]?.payments;
  return (
    <Section
      title={t.customer.payments}
      all={
        <PageLink to="/payments" search={{ customer_id }} size="sm">
          {t.customer.all_payments}
        </PageLink>
      }
    >
      {isPending && <Loader aria-label={t.common.loading} mx="auto" />}
      {error !== null && <ErrorNotice error={error} retry={() => void refetch()} />}
      {payments?.length === 0 && <Text size="sm">{t.customer.no_payments}</Text>}
      {payments !== undefined && payments.length > 0 && (
        <Listing
          label={t.customer.payments}
          rows={payments}
          keyOf={({ payment_id }) => payment_id}
          columns={columnsOf({ oneCustomer: true })}
          addressOf={({ payment_id }) => `/payments/${payment_id}`}
          card={PaymentCard}
        />
      )}
    </Section>
  );
}

function Disputes({ customer_id }: { customer_id: string }) {
  const { brand_id } = useSession();
  const { data: disputes, error, isPending, refetch } = useQuery(disputesQuery(brand_id, customer_id));
  return (
    <Section title={t.customer.disputes} all={null}>
      {isPending && <Loader aria-label={t.common.loading} mx="auto" />}
      {error !== null && <ErrorNotice error={error} retry={() => void refetch()} />}
      {disputes !== undefined && (
        <Listing
          label={t.customer.disputes}
          rows={disputes}
          keyOf={({ id }) => id}
          columns={DISPUTE_COLUMNS}
          addressOf={({ payment_id }) => `/payments/${payment_id}`}
          card={DisputeCard}
        />
      )}
    </Section>
  );
}

function Section({ title, all, children }: { title: string; all: ReactNode; children: ReactNode }) {
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Title order={2} size="h4">
          {title}
        </Title>
        {all}
      </Group>
      {children}
    </Stack>
  );
}
