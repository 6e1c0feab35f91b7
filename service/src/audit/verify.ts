import { cancelOn } from '../database/cancel.ts';
import { type Pool, type Queryable, withTransaction } from '../database/pool.ts';
import { hashRow, hashSeal, type Leaf, NO_SEAL, readLeaves } from './canonical.ts';
import * as queries from './seal-queries.ts';

/** What is not as it was sealed. */
export interface Finding {
  found:
    | 'row_changed'
    | 'row_removed'
    | 'row_inserted'
    | 'seal_changed'
    | 'seal_removed'
    /** A seal that somebody has kept the hash of is not there. */
    | 'seal_unknown';
  /** Which row. */
  audit_id?: number;
  /** Which seal, or the one that covers the row. */
  seal_id?: number;
  sentence: string;
}

export interface AuditReport {
  /** Rows that were held against their seals. */
  rows: number;
  seals: number;
  /** The end of the chain. Whoever keeps its hash elsewhere can prove later that nothing before it was cut off or made anew. */
  newest: { seal_id: number; hash: string; until_id: number; sealed_at: Date } | null;
  /** What nothing can be said of yet. */
  unsealed: { rows: number; oldest_at: Date | null };
  /** How many findings there are. */
  found: number;
  /** The first of them. */
  findings: Finding[];
}

export interface VerifyAuditOptions {
  /** Hashes of seals that were kept elsewhere, in hexadecimal: each has to be in the chain. */
  kept?: readonly string[];
  /** Called after some seals, and at the end: how many of all have been looked at. */
  onProgress?: (done: number, all: number) => void;
  /** Stops it, also in the middle of a statement; takes one more connection of the pool for a moment. */
  signal?: AbortSignal;
}

const FINDINGS_LISTED = 100;
const SEALS_AT_ONCE = 20;
/** More than a seal covers, so that one query is enough where nobody has inserted anything. */
const ROWS_AT_ONCE = 2_000;
const LOWEST_ID = Number.MIN_SAFE_INTEGER;

/**
 * Holds the audit log against its seals, and the seals against one another, from one snapshot, beside whoever writes. Reads everything
 * once, in the order of ids, and keeps a few seals at a time in memory.
 *
 * @throws what the database says; the signal's reason where that stopped it
 */
export async function verifyAudit(
  pool: Pool,
  { kept = [], onProgress, signal }: VerifyAuditOptions = {},
): Promise<AuditReport> {
  const work = async (tx: Queryable) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await using _ = await cancelOn(signal, pool, tx);
    // Counting what a large log has takes longer than anything a request may ask for.
    await tx.query('SET LOCAL statement_timeout = 0');
    const { report, add } = startReport();
    const missing = new Set(kept.map((hash) => hash.toLowerCase()));
    const all = await queries.countSeals(tx);
    let last: Last = { seal_id: 0, until_id: 0, hash: NO_SEAL, sound: true };
    for (let from = LOWEST_ID; ; ) {
      const seals = await queries.readSeals(tx, from, SEALS_AT_ONCE);
      for (const seal of seals) {
        signal?.throwIfAborted();
        const problems = [...checkSeal(seal, last)];
        for (const problem of problems) add(problem);
        const sound = isSound(seal);
        if (sound) report.rows += await checkRows(tx, seal, add, signal);
        missing.delete(seal.hash.toString('hex'));
        last = { seal_id: seal.seal_id, until_id: seal.until_id, hash: seal.hash, sound };
        report.seals += 1;
        report.newest = {
          seal_id: seal.seal_id,
          hash: seal.hash.toString('hex'),
          until_id: seal.until_id,
          sealed_at: seal.sealed_at,
        };
      }
      onProgress?.(report.seals, all);
      const final = seals.at(-1);
      if (final === undefined) break;
      from = final.seal_id;
    }
    for await (const { audit_id } of readRange(tx, LOWEST_ID, 0)) {
      add({
        found: 'row_inserted',
        audit_id,
        sentence: `Row ${audit_id} was inserted before the first row that a seal covers.`,
      });
    }
    for (const hash of missing) {
      add({
        found: 'seal_unknown',
        sentence: `No seal has the hash ${hash}: seals were cut off, or the chain was made anew.`,
      });
    }
    report.unsealed = await queries.countRowsAfter(tx, last.until_id);
    return report;
  };
  try {
    return await withTransaction(pool, work);
  } catch (error) {
    // A statement that was canceled says that, and not why.
    signal?.throwIfAborted();
    throw error;
  }
}

function startReport(): { report: AuditReport; add(finding: Finding): void } {
  const report: AuditReport = {
    rows: 0,
    seals: 0,
    newest: null,
    unsealed: { rows: 0, oldest_at: null },
    found: 0,
    findings: [],
  };
  return {
    report,
    add(finding) {
      report.found += 1;
      if (report.findings.length < FINDINGS_LISTED) report.findings.push(finding);
    },
  };
}

interface Last extends Pick<queries.Seal, 'seal_id' | 'until_id' | 'hash'> {
  /** Whether its hash is that of what it says. */
  sound: boolean;
}

const isSound = (seal: queries.Seal) => hashSeal(seal).equals(seal.hash);

/** What is wrong with a seal, and between it and the one before. */
function* checkSeal(seal: queries.Seal, last: Last): Generator<Finding> {
  const { seal_id, after_id, until_id } = seal;
  if (seal_id > last.seal_id + 1) {
    const first = last.seal_id + 1;
    yield {
      found: 'seal_removed',
      seal_id: first,
      sentence: `${first === seal_id - 1 ? `Seal ${first} is` : `Seals ${first} to ${seal_id - 1} are`} missing: nothing proves the rows from ${last.until_id + 1} to ${after_id}.`,
    };
  }
  if (!isSound(seal)) {
    yield {
      found: 'seal_changed',
      seal_id,
      sentence: `Seal ${seal_id} was changed: it proves none of the rows from ${after_id + 1} to ${until_id}.`,
    };
    return;
  }
  const follows = seal_id === last.seal_id + 1;
  const linked = seal.previous_hash.equals(last.hash) && after_id === last.until_id;
  if (follows && last.sound && !linked) {
    yield last.seal_id === 0
      ? {
          found: 'seal_changed',
          seal_id,
          sentence: `Seal ${seal_id} was made anew: the first seal follows none.`,
        }
      : {
          found: 'seal_changed',
          seal_id: last.seal_id,
          sentence: `Seal ${last.seal_id} was made anew: it is not the one that seal ${seal_id} follows.`,
        };
  }
}

/** Holds the rows of a range against the leaves of its seal: both are in the order of ids. Returns how many rows there are. */
async function checkRows(
  tx: Queryable,
  seal: queries.Seal,
  add: (finding: Finding) => void,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { seal_id } = seal;
  const leaves = readLeaves(seal.leaves);
  const removed = ({ audit_id }: Leaf) =>
    add({ found: 'row_removed', audit_id, seal_id, sentence: `Row ${audit_id} was removed.` });
  let rows = 0;
  let at = 0;
  for await (const row of readRange(tx, seal.after_id, seal.until_id)) {
    signal?.throwIfAborted();
    rows += 1;
    const { audit_id } = row;
    for (let leaf = leaves[at]; leaf !== undefined && leaf.audit_id < audit_id; leaf = leaves[at]) {
      removed(leaf);
      at += 1;
    }
    const leaf = leaves[at];
    if (leaf === undefined || leaf.audit_id > audit_id) {
      add({ found: 'row_inserted', audit_id, seal_id, sentence: `Row ${audit_id} was inserted.` });
      continue;
    }
    at += 1;
    if (!hashRow(row).equals(leaf.hash))
      add({ found: 'row_changed', audit_id, seal_id, sentence: `Row ${audit_id} was changed.` });
  }
  for (const leaf of leaves.slice(at)) removed(leaf);
  return rows;
}

async function* readRange(tx: Queryable, afterId: number, untilId: number) {
  for (let from = afterId; ; ) {
    const rows = await queries.readRows(tx, from, untilId, ROWS_AT_ONCE);
    yield* rows;
    const final = rows.at(-1);
    if (final === undefined || rows.length < ROWS_AT_ONCE) return;
    from = final.audit_id;
  }
}
