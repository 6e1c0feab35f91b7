import { type Pool, type Transaction, withTransaction } from '../database/pool.ts';
import { type Answer, claimKey, keepAnswer } from '../idempotency/answer.ts';
import { newId } from '../ids.ts';
import type { Caller } from '../refunds/issue.ts';
import type { AskedRow, Batch } from './batch.ts';
import { checkRows } from './check.ts';
import { causedBy, recordStep } from './history.ts';
import * as queries from './queries.ts';

interface CreateCommand {
  name: string | null;
  rows: readonly AskedRow[];
}

/**
 * Stores a batch with each of its rows checked; nothing is sent. One transaction, with the answer for the caller's key: a repeat, however
 * early, never makes a second batch.
 */
export async function createBatch(
  pool: Pool,
  { name, rows }: CreateCommand,
  caller: Caller,
  write: (tx: Transaction, batch: Batch) => Promise<string>,
): Promise<Answer> {
  const { principal, key } = caller;
  const { brand_id, actor_type, actor_id } = principal;
  return await withTransaction(pool, async (tx) => {
    const claim = key === null ? undefined : await claimKey(tx, key);
    if (claim?.state === 'answered') return claim.answer;
    const checked = await checkRows(tx, brand_id, rows);
    const batch = await queries.insert(tx, {
      batch_id: newId('batch'),
      brand_id,
      name,
      created_by_type: actor_type,
      created_by_id: actor_id,
    });
    await queries.insertRows(tx, batch, checked);
    await recordStep(tx, 'created', null, batch, causedBy(caller), {
      row_count: checked.length,
      cannot_count: checked.filter(({ status }) => status === 'cannot').length,
    });
    return await keepAnswer(tx, key, { status: 201, body: await write(tx, batch) });
  });
}
