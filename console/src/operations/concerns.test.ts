import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Concern, concernsOf } from './concerns.ts';
import type { Operations } from './queries.ts';

const none = { events: 0, oldest_s: 0 };
const QUIET: Operations = {
  inbox: { received: none, unmatched: none, failed: none },
  unknown_outcomes: { refunds: 0, oldest_s: 0 },
  sending: { status: 'open', paused_ms: 0 },
  workers: { alive: 1, last_seen_at: '2026-02-02T08:30:00.000Z' },
  backfill: null,
  reconciliation: {
    under_way: false,
    last_started_at: null,
    last_finished_at: null,
    differences_open: 0,
  },
  anomalies_open: 0,
  audit: { unsealed_s: 0 },
};

test('where all is well nobody is asked to look, nor for what is done with in a moment', () => {
  assert.deepEqual(concernsOf(QUIET), new Set());
  const busy: Operations = {
    ...QUIET,
    inbox: {
      ...QUIET.inbox,
      received: { events: 900, oldest_s: 12 },
      unmatched: { events: 4, oldest_s: 9e5 },
    },
    unknown_outcomes: { refunds: 3, oldest_s: 40 },
    audit: { unsealed_s: 61 },
  };
  assert.deepEqual(concernsOf(busy), new Set());
});

for (const [concern, change] of [
  ['received', { inbox: { ...QUIET.inbox, received: { events: 1, oldest_s: 301 } } }],
  ['failed', { inbox: { ...QUIET.inbox, failed: { events: 1, oldest_s: 1 } } }],
  ['unknown', { unknown_outcomes: { refunds: 1, oldest_s: 901 } }],
  ['sending', { sending: { status: 'paused', paused_ms: 500 } }],
  ['workers', { workers: { alive: 0, last_seen_at: null } }],
  ['differences', { reconciliation: { ...QUIET.reconciliation, differences_open: 1 } }],
  ['anomalies', { anomalies_open: 1 }],
  ['unsealed', { audit: { unsealed_s: 3_601 } }],
] as const satisfies [Concern, Partial<Operations>][]) {
  test(`somebody is asked to look at this, and at nothing else: ${concern}`, () => {
    assert.deepEqual(concernsOf({ ...QUIET, ...change }), new Set([concern]));
  });
}
