import { type Page, type PageKey, readPage } from '../database/page.ts';
import type { Queryable } from '../database/pool.ts';
import type { Endpoint } from './endpoint.ts';

const COLUMNS = `endpoint_id, brand_id, url, description, event_types, status, disabled_reason, failures, failing_since,
  former_expires_at, created_at, updated_at`;

/** Endpoints of a brand, newest first (event_endpoints_by_time). */
export async function listEndpoints(
  db: Queryable,
  brandId: string,
  at: { after: PageKey | undefined; limit: number },
): Promise<Page<Endpoint>> {
  return await readPage<Endpoint>(db, {
    name: 'event_endpoints.list',
    select: `SELECT ${COLUMNS} FROM event_endpoints`,
    idColumn: 'endpoint_id',
    conditions: [
      ['brand_id = ?', brandId],
      [`status <> 'deleted'`, true],
    ],
    ...at,
  });
}

/** How many endpoints a brand has (event_endpoints_by_time). */
export async function countEndpoints(db: Queryable, brandId: string): Promise<number> {
  const { rows } = await db.query<{ endpoints: number }>({
    name: 'event_endpoints.count',
    text: `SELECT count(*) AS endpoints FROM event_endpoints WHERE brand_id = $1 AND status <> 'deleted'`,
    values: [brandId],
  });
  return rows[0]?.endpoints ?? 0;
}

/** One endpoint of a brand, to see or, locked, to change (primary key). */
export async function findEndpoint(
  db: Queryable,
  brandId: string,
  endpointId: string,
  lock: '' | 'FOR UPDATE' = '',
): Promise<Endpoint | undefined> {
  const { rows } = await db.query<Endpoint>({
    name: `event_endpoints.find ${lock}`,
    text: `SELECT ${COLUMNS} FROM event_endpoints
           WHERE endpoint_id = $1 AND brand_id = $2 AND status <> 'deleted' ${lock}`,
    values: [endpointId, brandId],
  });
  return rows[0];
}

/** What an endpoint's deliveries are signed with, sealed (primary key). */
export async function findSecrets(
  db: Queryable,
  brandId: string,
  endpointId: string,
): Promise<{ secret: string; former_secret: string | null; former_expires_at: Date | null } | undefined> {
  const { rows } = await db.query<{
    secret: string;
    former_secret: string | null;
    former_expires_at: Date | null;
  }>({
    name: 'event_endpoints.find_secrets',
    text: `SELECT secret, CASE WHEN former_expires_at > clock_timestamp() THEN former_secret END AS former_secret,
                  CASE WHEN former_expires_at > clock_timestamp() THEN former_expires_at END AS former_expires_at
           FROM event_endpoints WHERE endpoint_id = $1 AND brand_id = $2 AND status <> 'deleted'`,
    values: [endpointId, brandId],
  });
  return rows[0];
}

/** A new endpoint, switched on. */
export async function insertEndpoint(
  tx: Queryable,
  endpoint: Pick<Endpoint, 'endpoint_id' | 'brand_id' | 'url' | 'description' | 'event_types'> & {
    sealed_secret: string;
  },
): Promise<Endpoint> {
  const { rows } = await tx.query<Endpoint>({
    name: 'event_endpoints.insert',
    text: `INSERT INTO event_endpoints (endpoint_id, brand_id, url, description, event_types, status, secret, created_at, updated_at)
           SELECT $1, $2, $3, $4, $5, 'enabled', $6, now, now FROM (SELECT clock_timestamp()) AS clock (now)
           RETURNING ${COLUMNS}`,
    values: [
      endpoint.endpoint_id,
      endpoint.brand_id,
      endpoint.url,
      endpoint.description,
      endpoint.event_types,
      endpoint.sealed_secret,
    ],
  });
  return one(rows);
}

/** What somebody has changed about a locked endpoint. Switched on, it begins anew: nothing is held against it. */
export async function updateEndpoint(
  tx: Queryable,
  { endpoint_id, url, description, event_types, status }: Endpoint,
): Promise<Endpoint> {
  const { rows } = await tx.query<Endpoint>({
    name: 'event_endpoints.update',
    text: `UPDATE event_endpoints
           SET url = $2, description = $3, event_types = $4, updated_at = clock_timestamp(), status = $5,
               disabled_reason = CASE WHEN $5 = 'disabled' THEN coalesce(disabled_reason, 'by_hand') END,
               failures = CASE WHEN $5 = 'enabled' AND status = 'disabled' THEN 0 ELSE failures END,
               failing_since = CASE WHEN $5 = 'enabled' AND status = 'disabled' THEN NULL ELSE failing_since END,
               paused_until = CASE WHEN $5 = 'enabled' AND status = 'disabled' THEN NULL ELSE paused_until END
           WHERE endpoint_id = $1 RETURNING ${COLUMNS}`,
    values: [endpoint_id, url, description, event_types, status],
  });
  return one(rows);
}

/** Signs with a new secret; with the one before, too, for a while. */
export async function rotateSecret(
  tx: Queryable,
  endpointId: string,
  sealedSecret: string,
  formerLives_s: number,
): Promise<Endpoint> {
  const { rows } = await tx.query<Endpoint>({
    name: 'event_endpoints.rotate_secret',
    text: `UPDATE event_endpoints
           SET secret = $2, updated_at = clock_timestamp(),
               former_secret = CASE WHEN $3 > 0 THEN secret END,
               former_expires_at = CASE WHEN $3 > 0 THEN clock_timestamp() + make_interval(secs => $3) END
           WHERE endpoint_id = $1 RETURNING ${COLUMNS}`,
    values: [endpointId, sealedSecret, formerLives_s],
  });
  return one(rows);
}

/** Nothing goes to a locked endpoint any more (event_deliveries_due); what was sent stays to be seen. Its secrets are forgotten. */
export async function deleteEndpoint(tx: Queryable, endpointId: string): Promise<void> {
  await tx.query({
    name: 'event_endpoints.delete',
    text: `WITH canceled AS (
             UPDATE event_deliveries SET status = 'canceled', due_at = NULL
             WHERE endpoint_id = $1 AND status = 'pending'
           )
           UPDATE event_endpoints
           SET status = 'deleted', disabled_reason = NULL, secret = '', former_secret = NULL, former_expires_at = NULL,
               updated_at = clock_timestamp()
           WHERE endpoint_id = $1`,
    values: [endpointId],
  });
}

function one(rows: Endpoint[]): Endpoint {
  const [row] = rows;
  if (row === undefined) throw new Error('An endpoint that is locked is gone');
  return row;
}
