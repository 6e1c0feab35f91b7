import { Button, Card, Group, Loader, Select, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useToggle } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { formatMoney } from '../money/money.ts';
import type { RefundFilters, RefundStatus } from '../refunds/filters.ts';
import { reasonText } from '../refunds/reason.ts';
import { Empty } from '../shell/Empty.tsx';
import { ErrorNotice } from '../shell/ErrorNotice.tsx';
import { PageLink } from '../shell/links.tsx';
import { Page } from '../shell/Page.tsx';
import { t } from '../texts/texts.ts';
import { DayRange } from '../time/DayRange.tsx';
import { formatDuration } from '../time/duration.ts';
import { Breakdown } from './Breakdown.tsx';
import { dateText, OverTime } from './OverTime.tsx';
import { isPeriod, lastDays, PRESETS_days, periodOf, presetOf } from './period.ts';
import { currenciesQuery, type Insights, insightsQuery } from './queries.ts';

const route = getRouteApi('/insights');
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });

/** What refunds come to over a period, in one currency; each figure leads to the rows behind it. */
export function InsightsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const period = periodOf(search);
  const currencies = useQuery({ ...currenciesQuery(period), enabled: isPeriod(period) });
  const currency = search.currency ?? currencies.data?.[0];
  const set = (change: object) => void navigate({ to: '/insights', search: { ...search, ...change } });
  const preset = presetOf(period);
  const known = [...new Set([...(currencies.data ?? []), ...(currency === undefined ? [] : [currency])])];

  return (
    <Page title={t.insights.title}>
      <Group align="end" gap="sm">
        <Select
          label={t.insights.currency}
          data={known.map((code) => ({ value: code, label: code.toUpperCase() }))}
          value={currency ?? null}
          allowDeselect={false}
          onChange={(code) => code !== null && set({ currency: code })}
          w={110}
        />
        <Select
          label={t.insights.period}
          data={[
            ...PRESETS_days.map((days) => ({ value: String(days), label: t.insights.last(days) })),
            ...(preset === undefined ? [{ value: 'other', label: t.insights.other_period }] : []),
          ]}
          value={String(preset ?? 'other')}
          allowDeselect={false}
          onChange={(days) => days !== null && days !== 'other' && set(lastDays(Number(days)))}
          w={170}
        />
        <DayRange period={period} set={set} error={isPeriod(period) ? undefined : t.insights.bad_period} />
      </Group>
      {currencies.isError && <ErrorNotice error={currencies.error} retry={() => void currencies.refetch()} />}
      {currencies.isSuccess && currency === undefined && (
        <Empty title={t.insights.none} text={t.insights.none_text} />
      )}
      {currency !== undefined && isPeriod(period) && <Figures period={{ ...period, currency }} />}
    </Page>
  );
}

function Figures({ period }: { period: Parameters<typeof insightsQuery>[0] }) {
  const { data, error, refetch, isPending } = useQuery(insightsQuery(period));
  if (isPending) return <Loader aria-label={t.common.loading} mx="auto" my="xl" />;
  if (data === undefined) return <ErrorNotice error={error} retry={() => void refetch()} />;
  return (
    <Stack gap="lg">
      <Headlines insights={data} period={period} />
      <Timeline insights={data} />
      <SimpleGrid cols={{ base: 1, md: 3 }} spacing="lg">
        <Section title={t.insights.by_status}>
          <Breakdown
            caption={t.insights.by_status}
            head={t.insights.status}
            currency={period.currency}
            parts={data.by_status.map(({ status, ...figure }) => ({
              key: status,
              label: t.statuses[status as RefundStatus],
              filters: { ...period, status: status as RefundStatus },
              ...figure,
            }))}
          />
        </Section>
        <Section title={t.insights.by_reason}>
          <Breakdown
            caption={t.insights.by_reason}
            head={t.insights.reason}
            currency={period.currency}
            parts={data.by_reason.map(({ reason_code, ...figure }) => ({
              key: reason_code,
              label: reasonLabel(reason_code),
              filters: { ...period, reason_code },
              ...figure,
            }))}
          />
        </Section>
        <Section title={t.insights.how_long}>
          <Breakdown
            caption={t.insights.how_long}
            head={t.insights.took}
            currency={period.currency}
            parts={data.settled.within.map(({ less_than_s, count }) => ({
              key: String(less_than_s),
              label:
                less_than_s === null ? t.insights.longer : t.insights.less_than(formatDuration(less_than_s)),
              count,
            }))}
          />
        </Section>
      </SimpleGrid>
    </Stack>
  );
}

function reasonLabel(code: string): string {
  if (code === 'none') return t.insights.reason_none;
  return code === 'other' ? t.insights.reason_other : reasonText(code);
}

function Headlines({
  insights,
  period,
}: {
  insights: Insights;
  period: RefundFilters & { currency: string };
}) {
  const { totals, payments, settled, failed_late, owed } = insights;
  const money = (cents: number) => formatMoney(cents, period.currency);
  const share = (of: number | null) => (of === null ? t.common.none : percent.format(of));
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 5 }} spacing="md">
      <Headline label={t.insights.total} figure={money(totals.amount_cents)} to={period}>
        {t.insights.refunds(totals.count)}
      </Headline>
      <Headline label={t.insights.share} figure={share(payments.refunded_amount_share)}>
        {t.insights.share_text(share(payments.refunded_count_share))}
      </Headline>
      <Headline
        label={t.insights.settled}
        figure={settled.median_s === null ? t.common.none : formatDuration(settled.median_s)}
      >
        {settled.median_s === null || settled.p90_s === null
          ? t.insights.settled_none
          : t.insights.settled_text(formatDuration(settled.median_s), formatDuration(settled.p90_s))}
      </Headline>
      <Headline
        label={t.insights.failed_late}
        figure={money(failed_late.amount_cents)}
        to={{ ...period, failed_late: true }}
      >
        {t.insights.refunds(failed_late.count)}
      </Headline>
      <Headline
        label={t.insights.owed}
        figure={money(owed.amount_cents)}
        to={{ ...period, needs_attention: true }}
      >
        {t.insights.refunds(owed.count)}
      </Headline>
    </SimpleGrid>
  );
}

interface HeadlineProps {
  label: string;
  figure: string;
  /** What lists the refunds behind it. */
  to?: RefundFilters;
  children: string;
}

function Headline({ label, figure, to, children }: HeadlineProps) {
  return (
    <Card withBorder padding="md">
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text fw={700} size="xl" className="money" my={4}>
        {figure}
      </Text>
      {to === undefined ? (
        <Text size="sm">{children}</Text>
      ) : (
        <PageLink to="/refunds" search={to} size="sm">
          {children}
        </PageLink>
      )}
    </Card>
  );
}

function Section({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <Card withBorder padding="lg">
      <Group justify="space-between" mb="md">
        <Title order={2} size="h4">
          {title}
        </Title>
        {actions}
      </Group>
      {children}
    </Card>
  );
}

function Timeline({ insights: { over_time, period } }: { insights: Insights }) {
  const [form, toggle] = useToggle(['chart', 'table']);
  return (
    <Section
      title={t.insights.over_time}
      actions={
        <Button size="xs" variant="default" onClick={() => toggle()}>
          {form === 'chart' ? t.insights.as_table : t.insights.as_chart}
        </Button>
      }
    >
      {form === 'chart' ? (
        <OverTime over_time={over_time} currency={period.currency} />
      ) : (
        <Breakdown
          caption={t.insights.over_time}
          head={period.interval === 'day' ? t.insights.day : t.insights.week}
          currency={period.currency}
          parts={over_time.map(({ date, created_at_gte, created_at_lt, count, amount_cents }) => ({
            key: date,
            label: dateText(date),
            count,
            amount_cents,
            filters: { currency: period.currency, created_at_gte, created_at_lt },
          }))}
        />
      )}
    </Section>
  );
}
