import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

/** Everything the issuer hands out and must know again: tokens, codes, grants, sessions. */
export interface Storage {
  adapter: AdapterFactory;
  close(): void;
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS artifacts (
    model TEXT NOT NULL,
    id TEXT NOT NULL,
    payload TEXT NOT NULL,
    uid TEXT,
    grant_id TEXT,
    expires_at INTEGER,
    PRIMARY KEY (model, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS artifacts_uid ON artifacts (model, uid) WHERE uid IS NOT NULL;
  CREATE INDEX IF NOT EXISTS artifacts_grant ON artifacts (model, grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX IF NOT EXISTS artifacts_expiry ON artifacts (expires_at);
`;

function now_s(): number {
  return Math.floor(Date.now() / 1000);
}

function parse(row: Record<string, unknown> | undefined): AdapterPayload | undefined {
  return row === undefined ? undefined : (JSON.parse(String(row.payload)) as AdapterPayload);
}

/**
 * A store in SQLite: a file of that folder, or memory. What has expired is thrown away at start; until then the
 * provider itself looks at the times.
 */
export function openStorage(directory: string | undefined): Storage {
  const path = directory === undefined ? ':memory:' : join(directory, 'issuer.sqlite');
  // Holds tokens, as good as money until they expire. SQLite gives its journal the permissions that it finds.
  if (directory !== undefined) closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path);
  database.exec(SCHEMA);
  database.prepare('DELETE FROM artifacts WHERE expires_at < ?').run(now_s());

  const upsert = database.prepare(
    'INSERT OR REPLACE INTO artifacts (model, id, payload, uid, grant_id, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const byId = database.prepare('SELECT payload FROM artifacts WHERE model = ? AND id = ?');
  const byUid = database.prepare('SELECT payload FROM artifacts WHERE model = ? AND uid = ?');
  const consume = database.prepare(
    `UPDATE artifacts SET payload = json_set(payload, '$.consumed', ?) WHERE model = ? AND id = ?`,
  );
  const destroy = database.prepare('DELETE FROM artifacts WHERE model = ? AND id = ?');
  const revoke = database.prepare('DELETE FROM artifacts WHERE model = ? AND grant_id = ?');

  const adapter = (model: string): Adapter => ({
    async upsert(id, payload, expiresIn) {
      const expiresAt = expiresIn === undefined ? null : now_s() + expiresIn;
      const { uid, grantId } = payload;
      upsert.run(model, id, JSON.stringify(payload), uid ?? null, grantId ?? null, expiresAt);
    },
    async find(id) {
      return parse(byId.get(model, id));
    },
    async findByUid(uid) {
      return parse(byUid.get(model, uid));
    },
    // Only for the device flow, which is off.
    async findByUserCode() {
      return undefined;
    },
    async consume(id) {
      consume.run(now_s(), model, id);
    },
    async destroy(id) {
      destroy.run(model, id);
    },
    async revokeByGrantId(grantId) {
      revoke.run(model, grantId);
    },
  });
  return { adapter, close: () => database.close() };
}
