import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { type IssuingWorld, startIssuing } from './support/issuing.ts';
import { Service, settingsOf } from './support/service.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

interface Alert {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook_url: string };
}
const alerts = (
  parse(read('deploy/prometheus/alerts.yaml')) as { groups: { rules: Alert[] }[] }
).groups.flatMap(({ rules }) => rules);
const dashboard = JSON.parse(read('deploy/grafana/payments.json')) as {
  panels: { title: string; targets: { expr: string }[] }[];
};
const queries = [
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
];

/** Metrics that an expression asks for; undefined where it is none. */
function metricsOf(expression: string): string[] | undefined {
  const found: string[] = [];
  let wrong = false;
  parser.parse(expression).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) wrong = true;
      if (type.name === 'Identifier' && expression[from - 1] !== '{') found.push(expression.slice(from, to));
    },
  });
  return wrong ? undefined : found;
}

/** What a process measures by itself, whichever it is. */
const PROMETHEUS_OWN = ['up'];

let world: IssuingWorld;
let scraped: { name: string; type: string; help: string }[];
let names: Set<string>;
before(async () => {
  world = await startIssuing();
  const settings = settingsOf({
    databaseUrl: world.databaseUrl,
    standIn: world.standIn,
    issuer: world.issuer,
  });
  await using service = new Service(settings);
  const url = await service.ready();
  const { access_token } = await world.issuer.mintToken({ scope: 'admin:refunds' });
  const { payment_id } = await world.pay();
  const issued = await fetch(`${url}/v1/admin/refunds`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ payment_id, amount_cents: 100 }),
  });
  assert.equal(issued.status, 201);
  const text = await (await fetch(`${url}/metrics`)).text();
  const help = new Map([...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, said]) => [name, said]));
  scraped = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({
    name,
    type,
    help: help.get(name) ?? '',
  }));
  names = new Set(
    scraped.flatMap(({ name, type }) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  assert.equal(await service.stop(), 0);
});
after(() => world[Symbol.asyncDispose]());

test('every expression of the alerts and the dashboard is PromQL, and asks for what the service measures', () => {
  assert.ok(queries.length > 40);
  for (const [where, expression] of queries) {
    const metrics = metricsOf(expression);
    assert.ok(metrics !== undefined, `${where}: ${expression} is no PromQL`);
    assert.ok(metrics.length > 0, `${where}: ${expression}`);
    const unknown = metrics.filter((name) => !names.has(name) && !PROMETHEUS_OWN.includes(name));
    assert.deepEqual(unknown, [], `${where}: ${expression}`);
  }
  assert.equal(metricsOf('sum(rate('), undefined, 'what is no PromQL is noticed');
});

test('everything that the service measures of its own stands on the dashboard', () => {
  const shown = new Set(
    dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => metricsOf(expr) ?? [])),
  );
  const own = scraped.filter(({ name }) => !/^(nodejs|process)_/.test(name));
  const missing = own.filter(
    ({ name }) => !shown.has(name) && !shown.has(`${name}_bucket`) && !shown.has(`${name}_count`),
  );
  assert.deepEqual(
    missing.map(({ name }) => name),
    [],
  );
});

test('each alert has a severity, a sentence and an entry in the runbook, and each entry an alert', () => {
  const entries = [...read('docs/runbook.md').matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
  assert.deepEqual(
    alerts.map(({ alert }) => alert),
    entries,
  );
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels.severity, /^(critical|warning)$/, alert);
    assert.ok(annotations.summary !== '' && annotations.description !== '', alert);
    assert.equal(annotations.runbook_url, `docs/runbook.md#${alert.toLowerCase()}`);
  }
});

test('docs/metrics.md says of everything that the service measures of its own what it is', () => {
  const rows = scraped
    .filter(({ name }) => !/^(nodejs|process)_/.test(name))
    .sort((one, other) => one.name.localeCompare(other.name))
    .map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |`);
  const documented = read('docs/metrics.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  assert.deepEqual(documented, rows, `docs/metrics.md should have:\n${rows.join('\n')}`);
});
