import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { PageKey } from '../database/page.ts';
import { ServiceError } from '../errors.ts';

const SIGNATURE_BYTES = 16;

/** What a page was asked for: a cursor is good for nothing else. */
export interface Question {
  operation: string;
  brand_id: string;
  /** Without limit and cursor, which may change from page to page. */
  filters: Record<string, unknown>;
}

export interface Cursors {
  /** The cursor of the page after the row with these keys. */
  encode(question: Question, key: PageKey): string;
  /** The keys in a cursor; throws a 400 for one that we did not make, or made for another question. */
  decode(question: Question, cursor: string): PageKey;
}

/**
 * Opaque, signed cursors (HMAC-SHA256 to 128 bits). The first secret signs, all of them verify, so that one can be replaced
 * while old cursors are about.
 */
export function createCursors(secrets: readonly string[]): Cursors {
  const [signing = ''] = secrets;
  const sign = (secret: string, question: Question, payload: string) =>
    createHmac('sha256', secret)
      .update(fingerprint(question))
      .update(payload)
      .digest()
      .subarray(0, SIGNATURE_BYTES);
  return {
    encode(question, { created_at, id }) {
      const payload = `${created_at.getTime()}.${id}`;
      return Buffer.concat([sign(signing, question, payload), Buffer.from(payload)]).toString('base64url');
    },
    decode(question, cursor) {
      const bytes = Buffer.from(cursor, 'base64url');
      const signature = bytes.subarray(0, SIGNATURE_BYTES);
      const payload = bytes.subarray(SIGNATURE_BYTES).toString();
      const ours =
        signature.length === SIGNATURE_BYTES &&
        bytes.toString('base64url') === cursor &&
        secrets.some((secret) => timingSafeEqual(signature, sign(secret, question, payload)));
      const [, time, id] = /^(-?\d+)\.(.+)$/.exec(payload) ?? [];
      if (!ours || time === undefined || id === undefined) {
        throw new ServiceError('malformed', {
          field: 'cursor',
          message:
            'cursor is not one that this list gave out for these filters: follow the Link header as it is.',
        });
      }
      return { created_at: new Date(Number(time)), id };
    },
  };
}

/** A digest of the question, the same for the same filters in any order. */
function fingerprint({ operation, brand_id, filters }: Question): Buffer {
  const given = Object.entries(filters)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([operation, brand_id, given]))
    .digest();
}
