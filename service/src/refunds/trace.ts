import type { Transaction } from '../database/pool.ts';
import { currentTraceParent, isTracing, tellTrace } from '../tracing/spans.ts';
import type { Refund } from './queries.ts';

/**
 * Keeps in which trace a refund was asked for, and tells that trace of every later step, which other requests and jobs bring about: so that
 * there is one from the click to the bank's answer. Nothing is read or written where no traces are kept.
 */
export async function traceTransition(
  tx: Transaction,
  isNew: boolean,
  { refund_id, brand_id, status, origin }: Pick<Refund, 'refund_id' | 'brand_id' | 'status' | 'origin'>,
): Promise<void> {
  if (!isTracing()) return;
  const traceParent = currentTraceParent();
  if (isNew) {
    if (origin === 'api' && traceParent !== undefined) await keep(tx, refund_id, brand_id, traceParent);
    return;
  }
  const asked = await find(tx, refund_id);
  if (asked !== undefined)
    tellTrace(asked, `refund ${status}`, { 'refund.id': refund_id, 'refund.status': status });
}

/** In which trace a refund was asked for (primary key). */
async function keep(tx: Transaction, refundId: string, brandId: string, traceParent: string): Promise<void> {
  await tx.query({
    name: 'refund_traces.keep',
    text: 'INSERT INTO refund_traces (refund_id, brand_id, trace_parent) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    values: [refundId, brandId, traceParent],
  });
}

async function find(tx: Transaction, refundId: string): Promise<string | undefined> {
  const { rows } = await tx.query<{ trace_parent: string }>({
    name: 'refund_traces.find',
    text: 'SELECT trace_parent FROM refund_traces WHERE refund_id = $1',
    values: [refundId],
  });
  return rows[0]?.trace_parent;
}
