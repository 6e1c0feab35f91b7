import type { Operations } from './queries.ts';

/** From when on something is more than a moment of much to do. The first is what `/readyz` warns of as well. */
const UNKNOWN_s = 15 * 60;
const WAITING_s = 5 * 60;
const UNSEALED_s = 60 * 60;

export type Concern =
  | 'received'
  | 'failed'
  | 'unknown'
  | 'sending'
  | 'workers'
  | 'differences'
  | 'anomalies'
  | 'unsealed';

/** What of it somebody should look at: what a person has to do, and what waits for longer than it ever should. */
export function concernsOf(operations: Operations): ReadonlySet<Concern> {
  const { inbox, unknown_outcomes, sending, workers, reconciliation, anomalies_open, audit } = operations;
  const concerns: [Concern, boolean][] = [
    ['received', inbox.received.oldest_s > WAITING_s],
    ['failed', inbox.failed.events > 0],
    ['unknown', unknown_outcomes.oldest_s > UNKNOWN_s],
    ['sending', sending.status === 'paused'],
    ['workers', workers.alive === 0],
    ['differences', reconciliation.differences_open > 0],
    ['anomalies', anomalies_open > 0],
    ['unsealed', audit.unsealed_s > UNSEALED_s],
  ];
  return new Set(concerns.flatMap(([concern, is]) => (is ? [concern] : [])));
}
