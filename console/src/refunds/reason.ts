import { t } from '../texts/texts.ts';

/** A reason as a person says it: a code in words, somebody's own words as they are. */
export function reasonText(reason: string | null): string {
  if (reason === null) return t.reasons.none;
  if (!/^[a-z]+(_[a-z]+)*$/.test(reason)) return reason;
  const words = reason.replaceAll('_', ' ');
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
}
