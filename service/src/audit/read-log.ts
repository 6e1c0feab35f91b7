import type { FastifyBaseLogger } from 'fastify';
import { DatabaseError } from 'pg';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Pool } from '../database/pool.ts';
import { recordReads } from './queries.ts';
import type { Read } from './record.ts';

export interface ReadLogDeps {
  pool: Pool;
  log: Pick<FastifyBaseLogger, 'warn' | 'error'>;
  registry: Registry;
}

export interface ReadLogLimits {
  /** How many reads may wait to be written before further ones are refused; each takes about 1 KB. */
  waiting_max: number;
  /** Written after this long, or as soon as a batch is full. */
  every_ms: number;
}

/** Reads by callers, on their way to the audit log. */
export interface ReadLog {
  /** Whether there is room for one more. Those that were let through before may still be added. */
  hasRoom(): boolean;
  /** Takes a read to be written soon; never waits. */
  add(read: Omit<Read, 'age_s'>): void;
  /** Writes what waits; resolves when all is written or the database does not take it. */
  flush(): Promise<void>;
  /** Writes what waits, for as long as that may take at a shutdown, and stops. */
  close(): Promise<void>;
}

const DEFAULTS: ReadLogLimits = { waiting_max: 10_000, every_ms: 1_000 };
/** Rows of one INSERT. */
const BATCH = 500;
const CLOSE_WITHIN_ms = 5_000;
const CLOSE_PAUSE_ms = 200;

/**
 * Collects reads in memory and writes them in batches, so that no read waits for a write. What cannot be written at the moment is
 * kept and tried again; at `waiting_max` reads are to be refused, so that nothing is shown that is not recorded. A process
 * that is killed loses what waits: the reads of the last second, and no more than `waiting_max`.
 */
export function collectReads(
  { pool, log, registry }: ReadLogDeps,
  { waiting_max, every_ms }: ReadLogLimits = DEFAULTS,
): ReadLog {
  const waiting: (Omit<Read, 'age_s'> & { read_at: number })[] = [];
  const { written, dropped, refused } = measureReads(registry, () => waiting.length);
  let failing = false;
  let writing: Promise<void> | undefined;

  const write = async (batch: readonly (typeof waiting)[number][]): Promise<void> => {
    const now = performance.now();
    try {
      await recordReads(
        pool,
        batch.map(({ read_at, ...read }) => ({ ...read, age_s: (now - read_at) / 1_000 })),
      );
      written.inc(batch.length);
    } catch (error) {
      // Only a row that the table does not take, now or ever, is given up; the others of its batch are not.
      if (!isRefusedRow(error)) throw error;
      if (batch.length === 1) {
        dropped.inc();
        log.error({ err: error, event_type: batch[0]?.event_type }, 'a read could not be recorded');
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await write(batch.slice(0, half));
      await write(batch.slice(half));
    }
  };

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      try {
        await write(batch);
      } catch (error) {
        if (!failing)
          log.warn({ err: error, waiting: waiting.length }, 'reads cannot be recorded; tries again');
        failing = true;
        return;
      }
      failing = false;
      waiting.splice(0, batch.length);
    }
  };
  const flush = () => {
    writing ??= drain().finally(() => {
      writing = undefined;
    });
    return writing;
  };
  const timer = setInterval(flush, every_ms);
  timer.unref();

  return {
    hasRoom() {
      if (waiting.length < waiting_max) return true;
      refused.inc();
      return false;
    },
    add(read) {
      waiting.push({ ...read, read_at: performance.now() });
      if (waiting.length >= BATCH && !failing) void flush();
    },
    flush,
    async close() {
      clearInterval(timer);
      const deadline = performance.now() + CLOSE_WITHIN_ms;
      await flush();
      while (waiting.length > 0 && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, CLOSE_PAUSE_ms));
        await flush();
      }
      if (waiting.length === 0) return;
      dropped.inc(waiting.length);
      log.error({ reads: waiting.length }, 'stopped without having recorded these reads');
    },
  };
}

/** What is wrong with a value or breaks a rule of the table (PostgreSQL, Appendix A, classes 22 and 23) is so at every try. */
const isRefusedRow = (error: unknown) => error instanceof DatabaseError && /^2[23]/.test(error.code ?? '');

function measureReads(registry: Registry, waiting: () => number) {
  new Gauge({
    name: 'audit_reads_waiting',
    help: 'Reads that are in memory and not yet in the audit log: what a crash would lose.',
    registers: [registry],
    collect() {
      this.set(waiting());
    },
  });
  const count = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  return {
    written: count('audit_reads_written_total', 'Reads that were written to the audit log.'),
    dropped: count('audit_reads_dropped_total', 'Reads that were given up: they are not in the audit log.'),
    refused: count(
      'audit_reads_refused_total',
      'Reads that were refused because too many waited to be recorded.',
    ),
  };
}
