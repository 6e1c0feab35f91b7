import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { principalOf } from '../access/guard.ts';
import { ServiceError } from '../errors.ts';

/** A caller's name for one thing to be done: the same name from the same caller is the same thing. */
export interface IdempotencyKey {
  brand_id: string;
  actor_type: 'user' | 'service';
  actor_id: string;
  operation: string;
  idempotency_key: string;
  /** SHA-256 of what is asked for. */
  fingerprint: Buffer;
}

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Reads `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a structured field's string, `"…"`, or bare, as Stripe and
 * most others send it. Null where there is none.
 */
export function readIdempotencyKey(request: FastifyRequest): IdempotencyKey | null {
  const given = request.raw.headersDistinct['idempotency-key'];
  if (given === undefined) return null;
  const [value = ''] = given;
  const key = /^"(.*)"$/.exec(value)?.[1] ?? value;
  if (given.length !== 1 || !KEY.test(key)) {
    throw new ServiceError('malformed', {
      field: 'Idempotency-Key',
      message:
        'Idempotency-Key has to be given once, as 1 to 255 letters, digits and signs without spaces; a UUID is best.',
    });
  }
  const { brand_id, actor_type, actor_id } = principalOf(request);
  const operation = String(request.routeOptions.schema?.operationId);
  return {
    brand_id,
    actor_type,
    actor_id,
    operation,
    idempotency_key: key,
    fingerprint: createHash('sha256')
      .update(JSON.stringify([inOrder(request.params ?? {}), inOrder(request.body ?? {})]))
      .digest(),
  };
}

/** The order in which the fields of an object were written means nothing; that of a list does. */
function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, inner]) => [name, inOrder(inner)]);
}
