import type { GroupFigures } from './load.ts';

/** The figures of a group that was given nothing but refunds; what else it was given would make them look better than they are. */
export function onlyRefunds(figures: GroupFigures | undefined): GroupFigures {
  if (figures === undefined) throw new Error('Nobody asked for a refund');
  const other = Object.keys(figures.statuses).filter((status) => status !== '201');
  if (other.length > 0) throw new Error(`Not every answer was a refund: ${JSON.stringify(figures.statuses)}`);
  if (figures.requests === 0) throw new Error('No refund was made in time');
  return figures;
}
