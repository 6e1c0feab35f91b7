import { Anchor, Button, Code, Loader, Paper, Select, Stack, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type Answer, nextCursor } from '@payments/client';
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { answerOf, api } from '../api/api.ts';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { FilterBar } from '../shell/FilterBar.tsx';
import { More } from '../shell/More.tsx';
import { Page } from '../shell/Page.tsx';
import { TextFilter } from '../shell/TextFilter.tsx';
import { t } from '../texts/texts.ts';
import { DayRange } from '../time/DayRange.tsx';
import { Moment } from '../time/Moment.tsx';
import type { AuditFilters } from './filters.ts';

type Entry = Answer<'listAudit'>['entries'][number];

const route = getRouteApi('/audit');
const PAGE = 50;

const auditQuery = (filters: AuditFilters) =>
  infiniteQueryOptions({
    queryKey: ['audit', filters],
    queryFn: async ({ pageParam: cursor, signal }) => {
      const { body, headers } = await answerOf(
        api.GET('/v1/admin/audit', {
          params: { query: { ...filters, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      );
      return { entries: body.entries, next: nextCursor(headers) };
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next,
    // Each look is recorded: it is looked again when somebody asks, and not by itself.
    refetchOnWindowFocus: false,
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Who did what, and who looked at what: newest first, narrowed by what the address says. */
export function AuditPage() {
  const filters = route.useSearch();
  const navigate = useNavigate();
  const setFilters = (search: AuditFilters) => void navigate({ to: '/audit', search });
  const set = (change: { [Name in keyof AuditFilters]?: AuditFilters[Name] | undefined }) =>
    setFilters(
      Object.fromEntries(
        Object.entries({ ...filters, ...change }).filter(([, value]) => value !== undefined),
      ),
    );
  return (
    <Page
      title={t.audit.title}
      actions={
        <Button
          component="a"
          href={`/v1/admin/audit/export?${new URLSearchParams(filters as Record<string, string>)}`}
          download
          variant="default"
          size="xs"
        >
          {t.audit.export}
        </Button>
      }
    >
      <FilterBar label={t.audit.filters} set={Object.keys(filters).length} onClear={() => setFilters({})}>
        <TextFilter
          label={t.audit.actor}
          value={filters.actor_id}
          onChange={(actor_id) => set({ actor_id })}
        />
        <TextFilter
          label={t.audit.event}
          value={filters.event_type}
          onChange={(event_type) => set({ event_type })}
          w={160}
        />
        <Select
          label={t.audit.entity_type}
          placeholder={t.common.all}
          clearable
          data={Object.entries(t.audit.entity_types).map(([value, label]) => ({ value, label }))}
          value={filters.entity_type ?? null}
          onChange={(entity_type) => set({ entity_type: entity_type ?? undefined })}
          w={130}
        />
        <TextFilter
          label={t.audit.entity_id}
          value={filters.entity_id}
          onChange={(entity_id) => set({ entity_id })}
          w={170}
        />
        <TextFilter
          label={t.audit.request}
          value={filters.request_id}
          onChange={(request_id) => set({ request_id })}
        />
        <DayRange
          period={{ created_at_gte: filters.occurred_at_gte, created_at_lt: filters.occurred_at_lt }}
          set={(period) =>
            set({
              ...('created_at_gte' in period ? { occurred_at_gte: period.created_at_gte } : {}),
              ...('created_at_lt' in period ? { occurred_at_lt: period.created_at_lt } : {}),
            })
          }
        />
      </FilterBar>
      <Rows filters={filters} />
    </Page>
  );
}

function Rows({ filters }: { filters: AuditFilters }) {
  const list = useInfiniteQuery(auditQuery(filters));
  if (list.isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (list.data === undefined) return <ErrorNotice error={list.error} retry={() => void list.refetch()} />;
  const entries = list.data.pages.flatMap((page) => page.entries);
  if (entries.length === 0) return <Empty title={t.audit.empty} text={t.audit.empty_text} />;
  return (
    <Stack gap="sm">
      <Paper withBorder radius="md" className="table">
        <Table.ScrollContainer minWidth={760} tabIndex={0} role="region" aria-label={t.audit.title}>
          <Table verticalSpacing="xs" horizontalSpacing="md">
            <Table.Thead>
              <Table.Tr>
                {[
                  t.audit.when,
                  t.audit.actor,
                  t.audit.event,
                  t.audit.entity_id,
                  t.audit.where,
                  t.audit.details,
                ].map((label) => (
                  <Table.Th key={label} scope="col">
                    {label}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {entries.map((entry) => (
                <Line key={entry.audit_id} entry={entry} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Paper>
      <More list={list} count={entries.length} />
    </Stack>
  );
}

/** Pages of the console for what the log is about. */
const PAGES: Readonly<Record<string, string>> = { refund: '/refunds', payment: '/payments' };

function Line({ entry }: { entry: Entry }) {
  const [opened, { toggle }] = useDisclosure();
  const page = PAGES[entry.entity_type];
  return (
    <>
      <Table.Tr>
        <Table.Td>
          <Moment at={entry.occurred_at} />
        </Table.Td>
        <Table.Td>
          {entry.actor_id}
          <Text size="xs" c="dimmed">
            {entry.client_id ?? entry.actor_type}
          </Text>
        </Table.Td>
        <Table.Td className="id">{entry.event_type}</Table.Td>
        <Table.Td>
          {page !== undefined && entry.entity_id !== '*' ? (
            <Anchor component={Link} to={`${page}/${entry.entity_id}`} size="sm" className="id">
              {entry.entity_id}
            </Anchor>
          ) : (
            <span className="id">{entry.entity_id === '*' ? t.audit.everything : entry.entity_id}</span>
          )}
        </Table.Td>
        <Table.Td className="id">{entry.ip_address ?? t.common.none}</Table.Td>
        <Table.Td>
          <Button variant="subtle" size="compact-sm" onClick={toggle} aria-expanded={opened}>
            {opened ? t.audit.hide : t.audit.show}
          </Button>
        </Table.Td>
      </Table.Tr>
      {opened && (
        <Table.Tr>
          <Table.Td colSpan={6}>
            <Text size="xs" c="dimmed" mb={4}>
              {t.audit.request} <span className="id">{entry.request_id ?? t.common.none}</span>
            </Text>
            <Code block>{JSON.stringify(entry.details, null, 2)}</Code>
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}
