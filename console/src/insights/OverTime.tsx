import { Group, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { formatMoney } from '../money/money.ts';
import { t } from '../texts/texts.ts';
import type { Insights } from './queries.ts';

const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** A date without a time, as it is said. */
export const dateText = (date: string) => day.format(new Date(`${date}T00:00:00Z`));

interface Props {
  over_time: Insights['over_time'];
  currency: string;
}

/** A bar for each day or week; each is the way to its refunds. */
export function OverTime({ over_time, currency }: Props) {
  const highest = Math.max(1, ...over_time.map(({ amount_cents }) => amount_cents));
  const [first] = over_time;
  const last = over_time.at(-1);
  return (
    <figure className="plain">
      <ol className="bars" aria-label={t.insights.over_time}>
        {over_time.map(({ date, created_at_gte, created_at_lt, count, amount_cents }) => {
          const words = `${dateText(date)}: ${t.insights.refunds(count)}, ${formatMoney(amount_cents, currency)}`;
          return (
            <li key={date}>
              <Link
                to="/refunds"
                search={{ currency, created_at_gte, created_at_lt }}
                aria-label={words}
                title={words}
              >
                <span style={{ blockSize: `${(100 * amount_cents) / highest}%` }} />
              </Link>
            </li>
          );
        })}
      </ol>
      <Group justify="space-between" component="figcaption">
        <Text size="xs" c="dimmed">
          {first === undefined ? '' : dateText(first.date)}
        </Text>
        <Text size="xs" c="dimmed">
          {t.insights.highest(formatMoney(highest, currency))}
        </Text>
        <Text size="xs" c="dimmed">
          {last === undefined ? '' : dateText(last.date)}
        </Text>
      </Group>
    </figure>
  );
}
