import { createHash } from 'node:crypto';

/** An audit row as it is hashed: every column, as text that does not depend on the session that reads it. */
export interface CanonicalRow {
  audit_id: number;
  /** Seconds since 1970, with six decimals. */
  occurred_at: string;
  actor_type: string;
  actor_id: string;
  client_id: string | null;
  brand_id: string;
  event_type: string;
  entity_type: string;
  entity_id: string;
  request_id: string | null;
  ip_address: string | null;
  transition_id: number | null;
  /** As PostgreSQL writes jsonb. */
  details: string;
}

/** For `SELECT … FROM audit_log`. */
export const CANONICAL_COLUMNS = `audit_id, extract(epoch FROM occurred_at)::text AS occurred_at, actor_type, actor_id, client_id,
  brand_id, event_type, entity_type, entity_id, request_id, ip_address, transition_id, details::text AS details`;

/** What a seal says, apart from its own hash. */
export interface SealContent {
  seal_id: number;
  /** It covers every row with after_id < audit_id <= until_id. */
  after_id: number;
  until_id: number;
  sealed_at: Date;
  previous_hash: Buffer;
  /** For each row its id and hash; see `writeLeaves`. */
  leaves: Buffer;
}

/** A row's id and the hash of its canonical form. */
export interface Leaf {
  audit_id: number;
  hash: Buffer;
}

const ID_BYTES = 8;
const HASH_BYTES = 32;
const LEAF_BYTES = ID_BYTES + HASH_BYTES;

/** What the first seal follows. */
export const NO_SEAL: Buffer = Buffer.alloc(HASH_BYTES);

/**
 * The SHA-256 of a row's canonical form: a JSON array of its columns, in this order, behind the name of the form. The form never changes; another
 * one would have another name.
 */
export function hashRow(row: CanonicalRow): Buffer {
  return createHash('sha256')
    .update(
      JSON.stringify([
        'payments audit row 1',
        row.audit_id,
        row.occurred_at,
        row.actor_type,
        row.actor_id,
        row.client_id,
        row.brand_id,
        row.event_type,
        row.entity_type,
        row.entity_id,
        row.request_id,
        row.ip_address,
        row.transition_id,
        row.details,
      ]),
    )
    .digest();
}

/** The hash of a seal: of what it covers, when, the seal before it, and every leaf. */
export function hashSeal({
  seal_id,
  after_id,
  until_id,
  sealed_at,
  previous_hash,
  leaves,
}: SealContent): Buffer {
  const head = [
    'payments audit seal 1',
    seal_id,
    after_id,
    until_id,
    sealed_at.getTime(),
    previous_hash.toString('hex'),
  ];
  return createHash('sha256')
    .update(`${JSON.stringify(head)}\n`)
    .update(leaves)
    .digest();
}

/** Leaves as a seal keeps them: of each the id, 8 bytes, big-endian, and the hash, 32 bytes. */
export function writeLeaves(rows: readonly CanonicalRow[]): Buffer {
  return Buffer.concat(
    rows.flatMap((row) => {
      const id = Buffer.alloc(ID_BYTES);
      id.writeBigInt64BE(BigInt(row.audit_id));
      return [id, hashRow(row)];
    }),
  );
}

export function readLeaves(leaves: Buffer): Leaf[] {
  return Array.from({ length: Math.floor(leaves.length / LEAF_BYTES) }, (_, index) => {
    const at = index * LEAF_BYTES;
    return {
      audit_id: Number(leaves.readBigInt64BE(at)),
      hash: leaves.subarray(at + ID_BYTES, at + LEAF_BYTES),
    };
  });
}
