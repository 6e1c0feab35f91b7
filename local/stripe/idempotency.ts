import { invalidParameter, StripeFailure } from './errors.ts';
import type { Form } from './forms.ts';
import type { World } from './world.ts';

/** Stripe keeps a key at least 24 hours; this stand-in forgets it then, as Stripe may. */
const KEY_LIFETIME_MS = 24 * 3_600_000;

export type StoredAnswer = { status: number; body: string; request_id: string };

/** Parameters in one order, so that the same ones compare equal however they were sent. */
export function fingerprint(form: Form): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, inner]) => [name, sorted(inner)]),
    );
  };
  return JSON.stringify(sorted(form));
}

export function checkKey(key: string): void {
  if (key.length > 255)
    throw invalidParameter(
      `Idempotency keys can have up to 255 characters, but you passed in a key that is ${key.length} characters.`,
      {},
    );
}

/**
 * The stored answer of a key: undefined where the key is new or older than 24 hours.
 * Throws Stripe's 400 where the key was used for another route or with other parameters.
 */
export function findAnswer(world: World, key: string, path: string, print: string): StoredAnswer | undefined {
  const row = world.store
    .sql('SELECT path, fingerprint, status, body, request_id, stored_at_ms FROM idempotency WHERE key = ?')
    .get(key);
  if (row === undefined || Number(row.stored_at_ms) <= world.clock.now_ms() - KEY_LIFETIME_MS)
    return undefined;
  if (row.path !== path)
    throw mismatch(
      `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${path}' vs '${row.path}'). Try using a key other than '${key}' if you meant to execute a different request.`,
    );
  if (row.fingerprint !== print)
    throw mismatch(
      `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
    );
  return { status: Number(row.status), body: String(row.body), request_id: String(row.request_id) };
}

const mismatch = (message: string) => new StripeFailure(400, { type: 'idempotency_error', message }, false);

/** 409 while another request with the same key is being served. */
export const keyInUse = (key: string) =>
  new StripeFailure(
    409,
    {
      type: 'idempotency_error',
      code: 'idempotency_key_in_use',
      message: `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
    },
    false,
  );

export function storeAnswer(
  world: World,
  key: string,
  path: string,
  print: string,
  answer: StoredAnswer,
): void {
  world.store
    .sql(
      `INSERT INTO idempotency (key, path, fingerprint, status, body, request_id, stored_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET path = excluded.path, fingerprint = excluded.fingerprint, status = excluded.status,
         body = excluded.body, request_id = excluded.request_id, stored_at_ms = excluded.stored_at_ms`,
    )
    .run(key, path, print, answer.status, answer.body, answer.request_id, world.clock.now_ms());
}

/** Forgets keys past their 24 hours. Returns how many. */
export function pruneKeys(world: World): number {
  return Number(
    world.store
      .sql('DELETE FROM idempotency WHERE stored_at_ms <= ?')
      .run(world.clock.now_ms() - KEY_LIFETIME_MS).changes,
  );
}
