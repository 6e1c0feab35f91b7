import type { Queryable } from '../database/pool.ts';
import type { Batch, BatchStatus } from './batch.ts';

/** A batch that a worker has taken, with as whom its rows are issued. */
export interface TakenBatch {
  batch_id: string;
  brand_id: string;
  status: BatchStatus;
  started_by_type: 'user' | 'service';
  started_by_id: string;
  started_scopes: string[];
  started_client_id: string;
  started_request_id: string;
  started_ip_address: string | null;
  /** Until then nobody else takes it; what tells this taking from another. */
  due_at: Date;
}

/** Takes the batch that has been due longest for some seconds, and locks it; one that somebody else is taking is passed over (refund_batches_due). */
export async function takeDue(tx: Queryable, for_s: number): Promise<TakenBatch | undefined> {
  const { rows } = await tx.query<TakenBatch>({
    name: 'refund_batches.take_due',
    text: `UPDATE refund_batches SET due_at = clock_timestamp() + make_interval(secs => $1)
           WHERE batch_id = (
             SELECT batch_id FROM refund_batches WHERE due_at <= statement_timestamp()
             ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
           )
           RETURNING batch_id, brand_id, status, started_by_type, started_by_id, started_scopes, started_client_id,
                     started_request_id, started_ip_address, due_at`,
    values: [for_s],
  });
  return rows[0];
}

/** In how many milliseconds a batch is due; undefined where none will be (refund_batches_due). */
export async function dueIn_ms(db: Queryable): Promise<number | undefined> {
  const { rows } = await db.query<{ due_in_ms: number | null }>({
    name: 'refund_batches.due_in',
    text: `SELECT ceil(extract(epoch FROM min(due_at) - clock_timestamp()) * 1000)::integer AS due_in_ms
           FROM refund_batches WHERE due_at IS NOT NULL`,
  });
  return rows[0]?.due_in_ms ?? undefined;
}

/** A row that is to be issued. */
export interface RunningRow {
  row_no: number;
  payment_id: string;
  amount_cents: number;
  reason: string | null;
  note: string | null;
  /** It was being issued before, and it is not known how far that came. */
  again: boolean;
  /** The payment's customer was erased. */
  erased: boolean;
}

/**
 * The next row of a batch that is locked: first one that was being issued; another only if the batch runs
 * (refund_batch_rows_by_status). It is `running` from now on.
 */
export async function beginRow(
  tx: Queryable,
  { batch_id, status }: TakenBatch,
): Promise<RunningRow | undefined> {
  const { rows } = await tx.query<RunningRow>({
    name: 'refund_batch_rows.begin',
    text: `WITH next AS (
             SELECT row_no, status FROM refund_batch_rows
             WHERE batch_id = $1 AND row_no = coalesce(
               (SELECT min(row_no) FROM refund_batch_rows WHERE batch_id = $1 AND status = 'running'),
               (SELECT min(row_no) FROM refund_batch_rows WHERE batch_id = $1 AND status = 'checked' AND $2)
             )
           )
           UPDATE refund_batch_rows r SET status = 'running', started_at = coalesce(started_at, clock_timestamp())
           FROM next WHERE r.batch_id = $1 AND r.row_no = next.row_no
           RETURNING r.row_no, r.payment_id, r.amount_cents, r.reason, r.note, next.status = 'running' AS again,
                     EXISTS (SELECT FROM payments p WHERE p.payment_id = r.payment_id AND p.erased_at IS NOT NULL) AS erased`,
    values: [batch_id, status === 'running'],
  });
  return rows[0];
}

/** Ends a batch that is locked and has no row left to be issued, or leaves a stopped one to itself (primary key). */
export async function leave(tx: Queryable, { batch_id, status }: TakenBatch): Promise<void> {
  await tx.query(
    status === 'running'
      ? {
          name: 'refund_batches.finish',
          text: `UPDATE refund_batches SET status = 'finished', finished_at = now, updated_at = now, due_at = NULL,
                                           held_up_code = NULL, held_up_message = NULL
                 FROM clock_timestamp() AS now WHERE batch_id = $1`,
          values: [batch_id],
        }
      : {
          name: 'refund_batches.leave',
          text: 'UPDATE refund_batches SET due_at = NULL WHERE batch_id = $1',
          values: [batch_id],
        },
  );
}

/** How many rows of a batch have come to an end, and how (refund_batch_rows_by_status). */
export async function countEnded(
  tx: Queryable,
  batchId: string,
): Promise<{ issued_count: number; failed_count: number }> {
  const { rows } = await tx.query<{ issued_count: number; failed_count: number }>({
    name: 'refund_batch_rows.count_ended',
    text: `SELECT count(*) FILTER (WHERE status = 'issued') AS issued_count,
                  count(*) FILTER (WHERE status = 'failed') AS failed_count
           FROM refund_batch_rows WHERE batch_id = $1`,
    values: [batchId],
  });
  return rows[0] ?? { issued_count: 0, failed_count: 0 };
}

/** What a row has come to. */
export type RowEnd =
  | { status: 'issued'; refund_id: string }
  | { status: 'failed'; refund_id: string | null; code: string; message: string };

/** Ends a row that has not ended yet (primary key). */
export async function endRow(
  tx: Queryable,
  { batch_id }: Pick<Batch, 'batch_id'>,
  { row_no }: Pick<RunningRow, 'row_no'>,
  end: RowEnd,
): Promise<void> {
  await tx.query({
    name: 'refund_batch_rows.end',
    text: `UPDATE refund_batch_rows SET status = $3, refund_id = $4, refusal_code = $5, refusal_message = $6,
                                        ended_at = clock_timestamp()
           WHERE batch_id = $1 AND row_no = $2 AND status IN ('checked', 'running')`,
    values: [
      batch_id,
      row_no,
      end.status,
      end.refund_id,
      end.status === 'failed' ? end.code : null,
      end.status === 'failed' ? end.message : null,
    ],
  });
}

/** Gives a row back of which nothing was sent (primary key). */
export async function giveBack(
  tx: Queryable,
  { batch_id }: Pick<Batch, 'batch_id'>,
  { row_no }: Pick<RunningRow, 'row_no'>,
): Promise<void> {
  await tx.query({
    name: 'refund_batch_rows.give_back',
    text: `UPDATE refund_batch_rows SET status = 'checked' WHERE batch_id = $1 AND row_no = $2 AND status = 'running'`,
    values: [batch_id, row_no],
  });
}

/**
 * Lets the workers have a batch again that one of them had taken, unless another has it by now; one that was stopped meanwhile rests, unless
 * a row of it is not done (primary key).
 */
export async function putBack(
  tx: Queryable,
  { batch_id, due_at }: TakenBatch,
  next: {
    /** How long after it was taken at the earliest, and from now on. */
    since_taken_ms: number;
    from_now_s: number;
    taken_for_s: number;
    row_is_done: boolean;
    held_up: { code: string; message: string } | null;
  },
): Promise<void> {
  await tx.query({
    name: 'refund_batches.put_back',
    text: `UPDATE refund_batches
           SET due_at = CASE WHEN status = 'running' OR NOT $6 THEN greatest(
                 now + make_interval(secs => $4),
                 $2::timestamptz - make_interval(secs => $5) + make_interval(secs => $3 / 1000.0)
               ) END,
               held_up_code = $7, held_up_message = $8, updated_at = now
           FROM clock_timestamp() AS now
           WHERE batch_id = $1 AND due_at = $2`,
    values: [
      batch_id,
      due_at,
      next.since_taken_ms,
      next.from_now_s,
      next.taken_for_s,
      next.row_is_done,
      next.held_up?.code ?? null,
      next.held_up?.message ?? null,
    ],
  });
}

/** How many batches run, and how many of them are held up (refund_batches_due). */
export async function countRunning(db: Queryable): Promise<{ running: number; held_up: number }> {
  const { rows } = await db.query<{ running: number; held_up: number }>({
    name: 'refund_batches.count_running',
    text: `SELECT count(*) FILTER (WHERE status = 'running') AS running,
                  count(*) FILTER (WHERE status = 'running' AND held_up_code IS NOT NULL) AS held_up
           FROM refund_batches WHERE due_at IS NOT NULL`,
  });
  return rows[0] ?? { running: 0, held_up: 0 };
}
