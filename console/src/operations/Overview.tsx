import { Badge, Card, Group, Loader, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useMay } from '../session/session.ts';
import { Copyable } from '../shell/Copyable.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { PageLink } from '../shell/links.tsx';
import { t } from '../texts/texts.ts';
import { formatDuration } from '../time/duration.ts';
import { Moment } from '../time/Moment.tsx';
import { type Concern, concernsOf } from './concerns.ts';
import { type Operations, operationsQuery, readinessQuery } from './queries.ts';
import { Room } from './Room.tsx';

/** How the service is doing, and the way to what somebody has to look at. */
export function Overview() {
  return (
    <Room title={t.operations.title}>
      <Readiness />
      <Doing />
    </Room>
  );
}

const CHECK_COLORS = { pass: 'green', warn: 'orange', fail: 'red' } as const;

/** Whether it can answer, and whom it reaches. */
function Readiness() {
  const { data: readiness, isPending, isError } = useQuery(readinessQuery);
  return (
    <Section title={t.operations.health}>
      {isPending && <Loader aria-label={t.common.loading} size="sm" />}
      {isError && readiness === undefined && (
        <Card withBorder>
          <Text fw={600}>{t.operations.health_unknown}</Text>
          <Text size="sm" c="dimmed">
            {t.operations.health_unknown_text}
          </Text>
        </Card>
      )}
      {readiness !== undefined && (
        <SimpleGrid component="ul" className="cards" cols={{ base: 2, md: 3, lg: 5 }} spacing="sm">
          {Object.entries(readiness.checks).map(([name, { status, output }]) => (
            <Card key={name} component="li" withBorder padding="sm">
              <Group justify="space-between" gap="xs">
                <Text size="sm" fw={600}>
                  {t.operations.checks[name] ?? name}
                </Text>
                <Badge color={CHECK_COLORS[status]} variant="light" tt="none" className="status">
                  {t.operations.check[status]}
                </Badge>
              </Group>
              {output !== undefined && <Text size="sm">{output}</Text>}
            </Card>
          ))}
        </SimpleGrid>
      )}
    </Section>
  );
}

function Doing() {
  const { data: operations, error, isPending, refetch } = useQuery(operationsQuery);
  if (isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (operations === undefined) return <ErrorNotice error={error} retry={() => void refetch()} />;
  const concerns = concernsOf(operations);
  return (
    <>
      <Inbox operations={operations} concerns={concerns} />
      <Money operations={operations} concerns={concerns} />
      <Machinery operations={operations} concerns={concerns} />
    </>
  );
}

interface PartProps {
  operations: Operations;
  concerns: ReadonlySet<Concern>;
}

function Inbox({ operations: { inbox }, concerns }: PartProps) {
  return (
    <Section title={t.operations.inbox}>
      <Tiles>
        {(['received', 'unmatched', 'failed'] as const).map((status) => {
          const { events, oldest_s } = inbox[status];
          return (
            <Tile
              key={status}
              label={
                <PageLink to="/operations/events" search={{ status }}>
                  {t.operations.statuses[status]}
                </PageLink>
              }
              value={t.operations.count(events)}
              look={status !== 'unmatched' && concerns.has(status)}
            >
              {events === 0 ? t.operations.none_waits : t.operations.oldest(formatDuration(oldest_s))}
            </Tile>
          );
        })}
      </Tiles>
    </Section>
  );
}

function Money({ operations: { unknown_outcomes, anomalies_open, sending }, concerns }: PartProps) {
  const { refunds, oldest_s } = unknown_outcomes;
  return (
    <Section title={t.operations.money}>
      <Tiles>
        <Tile label={t.operations.unknown} value={t.operations.count(refunds)} look={concerns.has('unknown')}>
          {refunds === 0 ? t.operations.none_waits : t.operations.oldest(formatDuration(oldest_s))}
          {refunds > 0 && <UnknownOutcomes />}
        </Tile>
        <Tile
          label={t.operations.anomalies}
          value={t.operations.count(anomalies_open)}
          look={concerns.has('anomalies')}
        >
          {t.operations.anomalies_text}
        </Tile>
        <Tile
          label={t.operations.sending}
          value={sending.status === 'open' ? t.operations.sending_open : undefined}
          look={concerns.has('sending')}
        >
          {sending.status === 'paused' &&
            t.operations.sending_paused(formatDuration(sending.paused_ms / 1_000))}
        </Tile>
      </Tiles>
    </Section>
  );
}

/** The way to the refunds of which nothing is known; whoever may not see refunds can hand it on. */
function UnknownOutcomes() {
  const maySee = useMay('admin:refunds.read');
  return (
    <Stack gap={4} mt={6}>
      <span>{t.operations.unknown_text}</span>
      {maySee ? (
        <PageLink to="/refunds" search={{ unknown: true }} size="sm">
          {t.operations.unknown_open}
        </PageLink>
      ) : (
        <>
          <span>{t.operations.unknown_hand}</span>
          <Copyable
            value={`${window.location.origin}/console/refunds?unknown=true`}
            what={t.operations.unknown}
          />
        </>
      )}
    </Stack>
  );
}

function Machinery({ operations: { workers, reconciliation, audit, backfill }, concerns }: PartProps) {
  const { last_finished_at, under_way, differences_open } = reconciliation;
  return (
    <Section title={t.operations.machinery}>
      <Tiles>
        <Tile
          label={<PageLink to="/operations/reconciliations">{t.operations.reconciled}</PageLink>}
          value={last_finished_at === null ? t.operations.never : <Moment at={last_finished_at} />}
        >
          {under_way && t.operations.under_way}
        </Tile>
        <Tile
          label={
            <PageLink to="/operations/differences" search={{ open: true }}>
              {t.operations.differences_open}
            </PageLink>
          }
          value={t.operations.count(differences_open)}
          look={concerns.has('differences')}
        />
        <Tile
          label={t.operations.workers}
          value={workers.alive === 0 ? t.operations.workers_none : t.operations.workers_alive(workers.alive)}
          look={concerns.has('workers')}
        >
          {workers.alive === 0 && workers.last_seen_at !== null && (
            <>
              {t.operations.last_seen} <Moment at={workers.last_seen_at} />
            </>
          )}
        </Tile>
        <Tile
          label={t.operations.unsealed}
          value={audit.unsealed_s === 0 ? t.operations.all_sealed : formatDuration(audit.unsealed_s)}
          look={concerns.has('unsealed')}
        />
        {backfill !== null && (
          <Tile
            label={t.operations.backfill}
            value={
              backfill.finished_at === null ? t.operations.backfill_under_way : t.operations.backfill_done
            }
          >
            {t.operations.backfill_since} <Moment at={backfill.since} dateOnly />
          </Tile>
        )}
      </Tiles>
    </Section>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Stack component="section" gap="sm">
      <Title order={2} size="h4">
        {title}
      </Title>
      {children}
    </Stack>
  );
}

const Tiles = ({ children }: { children: ReactNode }) => (
  <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="sm">
    {children}
  </SimpleGrid>
);

interface TileProps {
  label: ReactNode;
  value: ReactNode;
  /** Somebody should. */
  look?: boolean;
  children?: ReactNode;
}

function Tile({ label, value, look = false, children }: TileProps) {
  return (
    <Card withBorder padding="md">
      <Group justify="space-between" gap="xs" wrap="nowrap" align="start">
        <Text size="sm" component="div">
          {label}
        </Text>
        {look && (
          <Badge color="red" variant="light" tt="none" className="status">
            {t.operations.look}
          </Badge>
        )}
      </Group>
      {value !== undefined && (
        <Text fw={600} size="lg" component="div">
          {value}
        </Text>
      )}
      <Text size="sm" c="dimmed" component="div">
        {children}
      </Text>
    </Card>
  );
}
