import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Pool } from '../database/pool.ts';
import { sealAudit } from './seal.ts';
import { readUnsealedFor_s } from './seal-queries.ts';

export { readUnsealedFor_s };

export interface SealerDeps {
  pool: Pool;
  log: Pick<Logger, 'info' | 'warn'>;
  registry: Registry;
}

const EVERY_ms = 5_000;

/**
 * Seals the audit log every few seconds, whichever of the workers comes first. Each seal's hash is logged: logs are mostly kept
 * elsewhere, where nobody who may change the database can change them.
 */
export function startSealer(
  { pool, log, registry }: SealerDeps,
  every_ms: number = EVERY_ms,
): { stop(): Promise<void> } {
  const rowsSealed = new Counter({
    name: 'audit_sealed_rows_total',
    help: 'Audit rows that this process has sealed.',
    registers: [registry],
  });
  const stopping = new AbortController();
  const look = async () => {
    try {
      await sealAudit(pool, {
        signal: stopping.signal,
        onSeal({ seal_id, hash, rows, until_id }) {
          rowsSealed.inc(rows);
          log.info({ seal_id, hash, rows, until_id }, 'sealed the audit log');
        },
      });
    } catch (err) {
      log.warn({ err }, 'could not seal the audit log; tries again');
    }
  };
  let looking = look();
  const timer = setInterval(() => {
    looking = looking.then(() => (stopping.signal.aborted ? undefined : look()));
  }, every_ms);
  timer.unref();
  return {
    async stop() {
      stopping.abort();
      clearInterval(timer);
      await looking;
    },
  };
}

/** Shows for how long the oldest audit row has not been sealed, read from the database when it is asked for. */
export function measureUnsealed(registry: Registry, pool: Pool): void {
  new Gauge({
    name: 'audit_unsealed_oldest_seconds',
    help: 'For how long the oldest row of the audit log has not been sealed.',
    registers: [registry],
    async collect() {
      // Without the database there is nothing to show; that it is gone shows elsewhere.
      const unsealed_s = await readUnsealedFor_s(pool).catch(() => undefined);
      if (unsealed_s === undefined) this.reset();
      else this.set(unsealed_s);
    },
  });
}
