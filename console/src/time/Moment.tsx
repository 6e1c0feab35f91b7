import { Tooltip } from '@mantine/core';

const shown = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/** A moment in the zone of whoever looks; exactly, in UTC, on hover and to screen readers' details. */
export function Moment({ at, dateOnly = false }: { at: string; dateOnly?: boolean }) {
  const date = new Date(at);
  const exact = date.toISOString().replace('T', ' ').replace('Z', ' UTC');
  return (
    <Tooltip label={exact} openDelay={300} events={{ hover: true, focus: false, touch: true }}>
      <time dateTime={at} style={{ whiteSpace: 'nowrap' }}>
        {(dateOnly ? day : shown).format(date)}
      </time>
    </Tooltip>
  );
}
