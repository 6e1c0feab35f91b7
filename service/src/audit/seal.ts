import { setTimeout as pause } from 'node:timers/promises';
import { alone } from '../database/alone.ts';
import type { Pool, Queryable } from '../database/pool.ts';
import { hashSeal, NO_SEAL, writeLeaves } from './canonical.ts';
import * as queries from './seal-queries.ts';

export interface SealOptions {
  signal?: AbortSignal;
  /** How long writers are waited for who had begun before; they are done sooner, or left to the next call. */
  patience_ms?: number;
  /** Told of each seal that was made. */
  onSeal?: (seal: { seal_id: number; hash: string; rows: number; until_id: number }) => void;
}

const PATIENCE_ms = 10_000;
const POLL_ms = 20;
/** Rows under one seal. */
const SEAL_ROWS = 1_000;

/**
 * Seals the audit rows that are there and not sealed yet, up to a thousand under each seal, oldest first. Writers are neither
 * waited for by anybody else nor slowed down.
 *
 * @returns how many rows were sealed; 0 also where another process is at it, or a writer took too long
 */
export async function sealAudit(
  pool: Pool,
  { signal, patience_ms = PATIENCE_ms, onSeal }: SealOptions = {},
): Promise<number> {
  const sealed = await alone(pool, 'seal', async (guard) => {
    const horizon = await findHorizon(guard, patience_ms, signal);
    if (horizon === undefined) return 0;
    let rows = 0;
    while (signal?.aborted !== true) {
      const seal = await sealNext(guard, horizon);
      if (seal === undefined) break;
      rows += seal.rows;
      onSeal?.(seal);
    }
    return rows;
  });
  return sealed === 'taken' ? 0 : sealed;
}

/**
 * An id up to which every row is there that ever will be; undefined where there is nothing to seal or that could not be found
 * out in time.
 *
 * Ids are handed out in order, but rows become visible in the order of commits: a row may appear below others. Whoever inserts holds
 * a lock on the table, which no other writer minds, from before it is given an id until its transaction ends. So once everybody who
 * held that lock after an id was seen has ended, nobody can add anything below that id: what has begun later is given a later id.
 */
async function findHorizon(
  guard: Queryable,
  patience_ms: number,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const horizon = await queries.findUnsealed(guard);
  if (horizon === null) return undefined;
  let writers = await queries.findWriters(guard);
  for (const deadline = performance.now() + patience_ms; writers.length > 0; ) {
    if (signal?.aborted === true || performance.now() > deadline) return undefined;
    await pause(POLL_ms);
    writers = await queries.findWriters(guard, writers);
  }
  return horizon;
}

async function sealNext(guard: Queryable, horizon: number) {
  const last = await queries.findLastSeal(guard);
  const after_id = last?.until_id ?? 0;
  if (after_id >= horizon) return undefined;
  const rows = await queries.readRows(guard, after_id, horizon, SEAL_ROWS);
  const final = rows.at(-1);
  // Only somebody who may switch the triggers off can have removed what was seen.
  if (final === undefined) return undefined;
  const content = {
    seal_id: (last?.seal_id ?? 0) + 1,
    after_id,
    until_id: rows.length < SEAL_ROWS ? horizon : final.audit_id,
    sealed_at: await queries.readClock(guard),
    previous_hash: last?.hash ?? NO_SEAL,
    leaves: writeLeaves(rows),
  };
  const hash = hashSeal(content);
  await queries.insertSeal(guard, content, hash);
  const { seal_id, until_id } = content;
  return { seal_id, hash: hash.toString('hex'), rows: rows.length, until_id };
}
