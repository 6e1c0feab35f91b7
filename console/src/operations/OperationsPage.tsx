import { Card, Loader, SimpleGrid, Stack, Tabs, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useMay } from '../session/session.ts';
import { Copyable } from '../shell/Copyable.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { Facts } from '../shell/Facts.tsx';
import { PageLink } from '../shell/links.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { formatDuration } from '../time/duration.ts';
import { Moment } from '../time/Moment.tsx';
import { Differences } from './Differences.tsx';
import { Events } from './Events.tsx';
import { operationsQuery, readinessQuery } from './queries.ts';
import { Runs } from './Runs.tsx';
import { Sent } from './Sent.tsx';
import { type OperationsSearch, TABS } from './search.ts';

const route = getRouteApi('/operations');

/** What the service does by itself, and what has been left to somebody. */
export function OperationsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const go = (next: OperationsSearch) => void navigate({ to: '/operations', search: next, replace: true });
  const { tab = 'events' } = search;
  return (
    <Page title={t.operations.title}>
      <Overview />
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={(value) => go({ tab: TABS.find((one) => one === value) ?? 'events' })}
      >
        <Tabs.List aria-label={t.operations.title}>
          {TABS.map((one) => (
            <Tabs.Tab key={one} value={one}>
              {t.operations.tabs[one]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="events" pt="md">
          <Events
            status={search.status}
            onStatus={(status) => go({ tab, ...(status === undefined ? {} : { status }) })}
          />
        </Tabs.Panel>
        <Tabs.Panel value="differences" pt="md">
          <Differences
            open={search.all !== true}
            onOpen={(open) => go({ tab, ...(open ? {} : { all: true }) })}
          />
        </Tabs.Panel>
        <Tabs.Panel value="runs" pt="md">
          <Runs />
        </Tabs.Panel>
        <Tabs.Panel value="sent" pt="md">
          <Sent />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Overview() {
  const { data, error, refetch, isPending } = useQuery(operationsQuery);
  if (isPending) return <Loader aria-label={t.common.loading} mx="auto" />;
  if (data === undefined) return <ErrorNotice error={error} retry={() => void refetch()} />;
  const { inbox, unknown_outcomes, sending, workers, reconciliation, audit } = data;
  const waiting = ({ events, oldest_s }: { events: number; oldest_s: number }) =>
    t.operations.oldest(events, formatDuration(oldest_s));
  return (
    <Stack gap="xs">
      <Title order={2} size="h4">
        {t.operations.overview}
      </Title>
      <Health />
      <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="lg">
        <Card withBorder padding="lg">
          <Facts
            facts={[
              [t.operations.received, waiting(inbox.received)],
              [t.operations.unmatched, waiting(inbox.unmatched)],
              [t.operations.failed, waiting(inbox.failed)],
            ]}
          />
        </Card>
        <Card withBorder padding="lg">
          <Facts
            facts={[
              [
                t.operations.unknown,
                <Text key="unknown" size="sm" component="div">
                  {t.operations.oldest(unknown_outcomes.refunds, formatDuration(unknown_outcomes.oldest_s))}{' '}
                  {unknown_outcomes.refunds > 0 && <Unknown />}
                </Text>,
              ],
              [t.operations.sending, sending.status === 'open' ? t.operations.yes : t.operations.paused],
              [t.operations.workers, workers.alive.toLocaleString()],
            ]}
          />
        </Card>
        <Card withBorder padding="lg">
          <Facts
            facts={[
              [t.operations.differences, reconciliation.differences_open.toLocaleString()],
              [t.operations.anomalies, data.anomalies_open.toLocaleString()],
              [
                t.operations.reconciled,
                reconciliation.under_way ? (
                  t.operations.under_way
                ) : reconciliation.last_finished_at === null ? (
                  t.operations.never
                ) : (
                  <Moment key="reconciled" at={reconciliation.last_finished_at} />
                ),
              ],
              [t.operations.unsealed, formatDuration(audit.unsealed_s)],
            ]}
          />
        </Card>
      </SimpleGrid>
    </Stack>
  );
}

/** The way to the refunds of which nothing is known; whoever may not see refunds has an address to hand on. */
function Unknown() {
  const mayLook = useMay('admin:refunds.read');
  if (mayLook) {
    return (
      <PageLink to="/refunds" search={{ unknown: true }}>
        {t.operations.look}
      </PageLink>
    );
  }
  return (
    <>
      <br />
      {t.operations.hand_on}{' '}
      <Copyable
        value={`${window.location.origin}/console/refunds?unknown=true`}
        what={t.operations.unknown}
      />
    </>
  );
}

/** Whether the service can answer, and whom it reaches. */
function Health() {
  const { data, isError } = useQuery(readinessQuery);
  return (
    <Text size="sm" component="div" mih={22}>
      {t.operations.health}: {data === undefined && isError && t.operations.health_unknown}
      {data !== undefined &&
        Object.entries(data.checks).map(([name, { status, output }], at) => (
          <span key={name}>
            {at > 0 && ' · '}
            {t.operations.checks[name] ?? name}{' '}
            <Text span fw={600} c={status === 'pass' ? undefined : 'red'}>
              {t.operations.check[status]}
            </Text>
            {output !== undefined && ` (${output})`}
          </span>
        ))}
    </Text>
  );
}
