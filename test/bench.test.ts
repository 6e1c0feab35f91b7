import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureHot } from '../bench/hot.ts';
import { measureIssuing } from '../bench/issuing.ts';
import { measureRecovery } from '../bench/recovery.ts';
import { quantile } from '../bench/scrape.ts';
import { hotTable, issuingTable, recoveryTable, webhooksTable } from '../bench/tables.ts';
import { measureWebhooks } from '../bench/webhooks.ts';

// Each measurement also holds the books to their rules, and to what the stand-in has, when it is done.
const small = { payments: 20, measured_s: 1, warm_up_s: 0.2, onProgress: () => {} };

test('issuing is measured: refunds in a second, how long one takes, and what of that is the service', async () => {
  const figures = await measureIssuing({ ...small, callers: [2] });
  for (const run of [figures.moderate, ...figures.full, figures.beside_events]) {
    assert.ok(run.per_s > 0 && run.p50_ms > 0, JSON.stringify(run));
    assert.ok(run.p50_ms <= run.p95_ms && run.p95_ms <= run.p99_ms, JSON.stringify(run));
    assert.ok(run.own_p50_ms > 0 && run.own_p50_ms <= run.own_p95_ms, JSON.stringify(run));
  }
  assert.equal(issuingTable(figures).split('\n').length, 5);
});

test('a hot payment is measured by what it does to the others', async () => {
  const figures = await measureHot({ ...small, others: 2, crowd: 4 });
  assert.ok(figures.alone.others.per_s > 0 && figures.alone.crowd === undefined);
  assert.ok((figures.beside_hot.crowd?.per_s ?? 0) > 0 && figures.beside_hot.others.per_s > 0);
  assert.ok((figures.beside_spread.crowd?.per_s ?? 0) > 0);
  assert.equal(hotTable(figures).split('\n').length, 5);
});

test('recovery is measured from unknown outcomes until the last of them is known', async () => {
  const figures = await measureRecovery({ payments: 20, unknown: 3, onProgress: () => {} });
  assert.ok(figures.unknown >= 3 && figures.made <= figures.unknown, JSON.stringify(figures));
  assert.ok(figures.took_s > 0 && figures.requests >= figures.unknown, JSON.stringify(figures));
  assert.equal(recoveryTable(figures).split('\n').length, 3);
});

test('webhooks are measured: how many are taken in, and worked off, in a second', async () => {
  const figures = await measureWebhooks({ events: 100 });
  assert.equal(figures.events, 100);
  assert.ok(figures.accepted_per_s > 0 && figures.processed_per_s > 0, JSON.stringify(figures));
  assert.equal(webhooksTable(figures).split('\n').length, 7);
});

test('a quantile is found within its bucket, and is the last bound where it lies beyond', () => {
  const buckets = [
    { upTo: 0.01, count: 10 },
    { upTo: 0.02, count: 20 },
    { upTo: Number.POSITIVE_INFINITY, count: 21 },
  ];
  assert.equal(quantile({ count: 20, buckets: buckets.slice(0, 2) }, 0.75), 0.015);
  assert.equal(quantile({ count: 21, buckets }, 1), 0.02);
  assert.equal(quantile({ count: 0, buckets: [] }, 0.5), 0);
});
