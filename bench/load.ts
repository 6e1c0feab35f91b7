import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { serveParent } from './child.ts';

/** Callers who ask for refunds, each again as soon as it is answered. */
export interface Group {
  name: string;
  callers: number;
  /** Of these payments, one after the other. */
  charges: string[];
  amount_cents: number;
  /** All of them together ask so often, where they do not ask as often as they can. */
  per_s?: number;
}

/** What the process does when it is told to. */
export interface LoadOrder {
  url: string;
  token: string;
  groups: Group[];
  /** Asked before anything counts. */
  warm_up_s: number;
  measured_s: number;
}

/** What a group was answered while it counted. */
export interface GroupFigures {
  name: string;
  requests: number;
  per_s: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  /** How often each status was answered. */
  statuses: Record<string, number>;
}

serveParent(async ({ url, token, groups, warm_up_s, measured_s }: LoadOrder): Promise<GroupFigures[]> => {
  const from = performance.now() + warm_up_s * 1_000;
  const to = from + measured_s * 1_000;
  const target = new URL('/v1/admin/refunds', url);
  return await Promise.all(groups.map((group) => run(group, { target, token, from, to })));
});

interface Run {
  target: URL;
  token: string;
  /** What is answered between these moments counts. */
  from: number;
  to: number;
}

async function run(group: Group, { target, token, from, to }: Run): Promise<GroupFigures> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: group.callers });
  const took_ms: number[] = [];
  const statuses: Record<string, number> = {};
  let asked = 0;
  const every_ms = group.per_s === undefined ? 0 : 1_000 / group.per_s;
  const begun = performance.now();
  const caller = async () => {
    for (;;) {
      const turn = asked;
      asked += 1;
      const due = begun + turn * every_ms;
      if (due > performance.now()) await wait(due - performance.now());
      const at = performance.now();
      if (at >= to) return;
      const charge_id = group.charges[turn % group.charges.length] ?? '';
      const status = await ask({ target, token, agent }, { charge_id, amount_cents: group.amount_cents });
      const now = performance.now();
      // Breaker open, or no time: as a caller does who was told to come back later.
      if (status === 503 || status === 429) await wait(1_000);
      if (now < from || now >= to) continue;
      took_ms.push(now - at);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: group.callers }, caller));
  agent.destroy();
  took_ms.sort((a, b) => a - b);
  const at = (share: number) => took_ms[Math.floor(took_ms.length * share)] ?? 0;
  return {
    name: group.name,
    requests: took_ms.length,
    per_s: took_ms.length / ((to - from) / 1_000),
    p50_ms: at(0.5),
    p95_ms: at(0.95),
    p99_ms: at(0.99),
    statuses,
  };
}

/** Asks for one refund, under a key of its own. Resolves with the status of the answer. */
function ask(
  { target, token, agent }: { target: URL; token: string; agent: http.Agent },
  command: { charge_id: string; amount_cents: number },
): Promise<number> {
  const body = JSON.stringify(command);
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'idempotency-key': randomUUID(),
  };
  return new Promise((resolve, reject) => {
    const request = http.request(target, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
    request.end(body);
  });
}
