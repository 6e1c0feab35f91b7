import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import { startIssuer } from '../../local/issuer/start.ts';
import { createPool } from '../../service/src/database/pool.ts';
import { createTestDatabase } from '../support/database.ts';
import { makePayment } from '../support/make.ts';
import { residentMemory } from '../support/memory.ts';
import { Service, settingsOf } from '../support/service.ts';
import { gather } from './connections.ts';

/** What other callers saw. */
interface Seen {
  asked: number;
  p50_ms: number;
  p99_ms: number;
}

export interface CrowdReport {
  /** How many there were; fewer than wanted where the system allows no more files. */
  idle: number;
  slow: number;
  /** How often one of them was cut off for being late, and came back. */
  cut: number;
  alone: Seen;
  crowded: Seen;
  /** Of the service; undefined where the system does not tell. */
  resident_mb: { before: number; crowded: number; after: number } | undefined;
}

const CALLERS = 8;
/** For everything else that a process opens. */
const OTHER_FILES = 500;

/**
 * Fills a service with idle and slow connections, and measures what others who list refunds see for as long, then and before.
 *
 * @param measured_s how long is measured; whoever is slow is cut off after 15 to 35 s
 */
export async function crowd({
  idle,
  slow,
  measured_s,
}: {
  idle: number;
  slow: number;
  measured_s: number;
}): Promise<CrowdReport> {
  await using stack = new AsyncDisposableStack();
  const scale = Math.min(1, (filesAllowed() - OTHER_FILES) / (idle + slow));
  const counts = { idle: Math.floor(idle * scale), slow: Math.floor(slow * scale) };
  const database = stack.use(await createTestDatabase());
  const issuer = await startIssuer();
  stack.defer(() => issuer.close());
  const pool = createPool({ connectionString: database.url, max: 2 });
  for (let number = 0; number < 20; number += 1) await makePayment(pool, { refunds: [{}, {}] });
  await pool.end();
  const service = stack.use(
    new Service({
      ...settingsOf({ databaseUrl: database.url, standIn: { url: 'http://127.0.0.1:1' }, issuer }),
      ROLE: 'api',
      LOG_LEVEL: 'info',
      RATE_LIMIT_READS_PER_MINUTE: '10000000',
    }),
  );
  const url = await service.url();
  const { access_token } = await issuer.mintToken({ scope: 'admin:refunds.read' });
  const list = { url: `${url}/v1/admin/refunds`, token: access_token };

  await listFor(list, 2);
  const alone = await listFor(list, measured_s);
  const before = residentMemory(service.pid)?.now;
  const crowd = await gather(Number(new URL(url).port), {
    silent: Math.ceil(counts.idle / 2),
    kept: Math.floor(counts.idle / 2),
    slow_headers: Math.ceil(counts.slow / 2),
    slow_body: Math.floor(counts.slow / 2),
  });
  stack.defer(() => crowd.leave());
  assert.equal(crowd.open + crowd.cut, counts.idle + counts.slow);
  const crowded = await listFor(list, measured_s);
  const { cut } = crowd;
  const resident = residentMemory(service.pid)?.now;
  await crowd.leave();
  const afterwards = await listFor(list, 2);
  assert.ok(afterwards.asked > 0);
  const after = residentMemory(service.pid)?.now;
  assert.equal(await service.stop(), 0);
  return {
    ...counts,
    cut,
    alone,
    crowded,
    resident_mb:
      before === undefined || resident === undefined || after === undefined
        ? undefined
        : { before, crowded: resident, after },
  };
}

/** Callers who list refunds, each again as soon as it is answered; every answer has to be a good one. */
async function listFor({ url, token }: { url: string; token: string }, measured_s: number): Promise<Seen> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CALLERS });
  const took_ms: number[] = [];
  const until = performance.now() + measured_s * 1_000;
  const ask = () =>
    new Promise<void>((resolve, reject) => {
      const begun = performance.now();
      const request = http.get(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`It answered ${response.statusCode}`));
        response.resume();
        response.on('end', () => {
          took_ms.push(performance.now() - begun);
          resolve();
        });
      });
      request.on('error', reject);
    });
  const caller = async () => {
    while (performance.now() < until) await ask();
  };
  try {
    await Promise.all(Array.from({ length: CALLERS }, caller));
  } finally {
    agent.destroy();
  }
  took_ms.sort((a, b) => a - b);
  const at = (share: number) => took_ms[Math.floor(took_ms.length * share)] ?? Number.POSITIVE_INFINITY;
  return { asked: took_ms.length, p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** How many files, and so connections, one process may have open. Node itself has raised that as far as it may. */
function filesAllowed(): number {
  if (process.platform === 'win32') return Number.POSITIVE_INFINITY;
  const said = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  return said === 'unlimited' ? Number.POSITIVE_INFINITY : Number(said);
}

/** For a reader. */
export function describeCrowd({ idle, slow, cut, alone, crowded, resident_mb }: CrowdReport): string {
  const seen = ({ asked, p50_ms, p99_ms }: Seen) =>
    `${asked} lists, p50 ${p50_ms.toFixed(1)} ms, p99 ${p99_ms.toFixed(1)} ms`;
  const memory =
    resident_mb === undefined
      ? 'memory not told by this system'
      : `resident ${resident_mb.before.toFixed(0)} MB before, ${resident_mb.crowded.toFixed(0)} MB meanwhile, ${resident_mb.after.toFixed(0)} MB after`;
  return `${idle} idle and ${slow} slow connections (${cut} cut off and back): others: ${seen(crowded)} (alone: ${seen(alone)}); ${memory}`;
}
