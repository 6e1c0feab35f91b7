import { Badge, Button, Group, Loader, Paper, Stack, Text, TextInput } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ActionDialog } from '../refunds/actions/ActionDialog.tsx';
import { useMay } from '../session/session.ts';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { PageLink } from '../shell/links.tsx';
import { t } from '../texts/texts.ts';
import { dayText } from '../time/days.ts';
import { Moment } from '../time/Moment.tsx';
import { type Run, runsQuery, startRun } from './queries.ts';
import { Room } from './Room.tsx';
import { windowOf } from './window.ts';

/** When the books were held against Stripe, and what was found; one can be started. */
export function Reconciliations() {
  const [starting, setStarting] = useState(false);
  const mayStart = useMay('admin:operations');
  return (
    <Room
      title={t.operations.runs}
      actions={mayStart && <Button onClick={() => setStarting(true)}>{t.operations.start}</Button>}
    >
      <Runs />
      {starting && <StartDialog onClose={() => setStarting(false)} />}
    </Room>
  );
}

function Runs() {
  const list = useInfiniteQuery(runsQuery);
  if (list.isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (list.data === undefined) return <ErrorNotice error={list.error} retry={() => void list.refetch()} />;
  const runs = list.data.pages.flatMap((page) => page.runs);
  if (runs.length === 0) return <Empty title={t.operations.no_runs} text={t.operations.no_runs_text} />;
  return (
    <Stack gap="sm">
      <Stack gap="xs" component="ul" className="cards">
        {runs.map((run) => (
          <Paper key={run.run_id} component="li" withBorder radius="md" p="md">
            <Line run={run} />
          </Paper>
        ))}
      </Stack>
      {list.isError && <ErrorNotice error={list.error} retry={() => void list.fetchNextPage()} />}
      {list.hasNextPage && (
        <Group justify="flex-end">
          <Button
            variant="default"
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            {t.common.more}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

const COLORS: Record<Run['status'], string> = { finished: 'green', unfinished: 'blue', abandoned: 'gray' };

function Line({ run }: { run: Run }) {
  const { charges, invoice_payments, refunds, disputes } = run.counts;
  const { imported, repaired, left } = run.found;
  return (
    <Stack gap={4}>
      <Group justify="space-between" gap="xs">
        <Text fw={600}>
          <Moment at={run.window_from} /> – <Moment at={run.window_until} />
        </Text>
        <Badge color={COLORS[run.status]} variant="light" tt="none" className="status">
          {t.operations.run_statuses[run.status]}
        </Badge>
      </Group>
      <Group gap="0 10px">
        <Text size="sm">
          {t.operations.compared(charges + invoice_payments + refunds + disputes)};{' '}
          {t.operations.found(run.found)}
          {run.status === 'unfinished' && ` ${t.operations.so_far}`}
        </Text>
        {imported + repaired + left > 0 && (
          <PageLink to="/operations/differences" search={{ run_id: run.run_id }} size="sm">
            {t.operations.found_of}
          </PageLink>
        )}
      </Group>
      <Text size="sm" c="dimmed">
        {t.operations.begun} <Moment at={run.started_at} />
        {run.finished_at !== null && (
          <>
            , {t.operations.ended} <Moment at={run.finished_at} />
          </>
        )}
        {run.status === 'unfinished' && `, ${t.operations.at_step(t.operations.steps[run.step])}`}
        {' · '}
        {run.requested_by_id === null ? t.operations.by_night : t.operations.asked_by(run.requested_by_id)}
      </Text>
    </Stack>
  );
}

const WEEK_ms = 7 * 86_400_000;

function StartDialog({ onClose }: { onClose: () => void }) {
  const [from, setFrom] = useState(() => dayText(new Date().toISOString(), -WEEK_ms));
  const [until, setUntil] = useState('');
  const window = windowOf(from, until, new Date());
  return (
    <ActionDialog
      title={t.operations.start}
      text={t.operations.start_text}
      ready={typeof window !== 'string'}
      act={async (key) => {
        if (typeof window !== 'string') await startRun(window, key);
      }}
      onClose={onClose}
    >
      <TextInput
        type="date"
        label={t.operations.start_from}
        value={from}
        required
        error={window === 'future' && t.operations.future_window}
        onChange={({ currentTarget }) => setFrom(currentTarget.value)}
      />
      <TextInput
        type="date"
        label={t.operations.start_until}
        description={t.operations.start_until_text}
        value={until}
        error={window === 'backwards' && t.operations.bad_window}
        onChange={({ currentTarget }) => setUntil(currentTarget.value)}
      />
    </ActionDialog>
  );
}
