import { TextInput } from '@mantine/core';
import { t } from '../texts/texts.ts';
import { dayStart, dayText, nextDay } from './days.ts';

interface Period {
  created_at_gte?: string | undefined;
  created_at_lt?: string | undefined;
}

interface Props {
  period: Period;
  set: (period: Period) => void;
  error?: string | undefined;
}

/** From a day on, until a day and with it: days of whoever looks. */
export function DayRange({ period, set, error }: Props) {
  return (
    <>
      <TextInput
        type="date"
        label={t.common.from}
        value={dayText(period.created_at_gte)}
        onChange={({ currentTarget }) => set({ created_at_gte: dayStart(currentTarget.value) })}
      />
      <TextInput
        type="date"
        label={t.common.until}
        value={dayText(period.created_at_lt, -1)}
        error={error}
        onChange={({ currentTarget }) => set({ created_at_lt: nextDay(currentTarget.value) })}
      />
    </>
  );
}
