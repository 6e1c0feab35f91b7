import { typeid } from 'typeid-js';

type Prefix =
  | 'payment'
  | 'refund'
  | 'dispute'
  | 'event'
  | 'anomaly'
  | 'backfill'
  | 'reconcile'
  | 'difference'
  | 'erased'
  | 'batch'
  | 'endpoint';

/** A new identifier: a TypeID, that is its kind and a UUIDv7 (RFC 9562) in base 32, so that it sorts by time of making. */
export function newId(prefix: Prefix): string {
  return typeid(prefix).toString();
}
