import { randomBytes } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { type Actor, changedFrom, type Origin, recordAudit } from '../audit/record.ts';
import type { Queryable, Transaction } from '../database/pool.ts';
import { ServiceError } from '../errors.ts';
import { newId } from '../ids.ts';
import type { Seal } from '../seal.ts';
import { CATALOGUE } from './catalogue.ts';
import type { Endpoint, EndpointStatus } from './endpoint.ts';
import * as queries from './endpoint-queries.ts';
import { appendEvent } from './outbox.ts';

/** Who changes something, from where. */
export interface Changer extends Actor {
  brand_id: string;
  origin: Origin;
}

export interface EndpointDeps {
  /** Undefined where there is no setting to keep secrets with. */
  seal: Seal | undefined;
  /** Whether hosts of private addresses, and addresses without TLS, may be told. */
  allow_private: boolean;
}

const ENDPOINTS_MAX = 20;
/** Standard Webhooks: 24 to 64 bytes. */
const SECRET_BYTES = 32;
const FOR_EVER_s = 100 * 365 * 24 * 3_600;

/** A new endpoint, with a secret of its own. */
export async function createEndpoint(
  { seal }: EndpointDeps,
  tx: Transaction,
  asked: { url: string; description: string | null; event_types: string[] },
  by: Changer,
): Promise<Endpoint> {
  if ((await queries.countEndpoints(tx, by.brand_id)) >= ENDPOINTS_MAX) {
    throw new ServiceError('conflict', {
      message: `There are ${ENDPOINTS_MAX} endpoints already: delete one first.`,
    });
  }
  const endpoint = await queries.insertEndpoint(tx, {
    endpoint_id: newId('endpoint'),
    brand_id: by.brand_id,
    ...asked,
    sealed_secret: await newSecret(seal),
  });
  await record(tx, 'created', null, endpoint, by);
  return endpoint;
}

/** Changes what is given, and leaves the rest. Switched off by hand it is owed what happens meanwhile; switched on, it gets that. */
export async function changeEndpoint(
  tx: Transaction,
  endpointId: string,
  change: { url?: string; description?: string | null; event_types?: string[]; status?: EndpointStatus },
  by: Changer,
): Promise<Endpoint> {
  const known = await requireEndpoint(tx, by.brand_id, endpointId, 'FOR UPDATE');
  const changed = await queries.updateEndpoint(tx, { ...known, ...change });
  await record(tx, 'updated', known, changed, by);
  return changed;
}

/** A new secret; the one before signs beside it for a while, so that the receiver can change over. */
export async function rotateSecret(
  { seal }: EndpointDeps,
  tx: Transaction,
  endpointId: string,
  formerLives_s: number,
  by: Changer,
): Promise<Endpoint> {
  const known = await requireEndpoint(tx, by.brand_id, endpointId, 'FOR UPDATE');
  const rotated = await queries.rotateSecret(tx, endpointId, await newSecret(seal), formerLives_s);
  await record(tx, 'secret_rotated', known, rotated, by);
  return rotated;
}

/** Nothing goes there any more; what is still owed is canceled. */
export async function deleteEndpoint(tx: Transaction, endpointId: string, by: Changer): Promise<void> {
  const known = await requireEndpoint(tx, by.brand_id, endpointId, 'FOR UPDATE');
  await queries.deleteEndpoint(tx, endpointId);
  await record(tx, 'deleted', known, known, by);
}

/** An event that says nothing but that events arrive, for this endpoint only. Returns its id. */
export async function testEndpoint(tx: Transaction, endpointId: string, by: Changer): Promise<string> {
  const endpoint = await requireEndpoint(tx, by.brand_id, endpointId);
  if (endpoint.status !== 'enabled') {
    throw new ServiceError('precondition_failed', {
      message: 'The endpoint is switched off: switch it on first.',
    });
  }
  await record(tx, 'tested', endpoint, endpoint, by);
  return await appendEvent(tx, {
    event_type: 'event_endpoint.test.v1',
    brand_id: by.brand_id,
    entity_type: 'event_endpoint',
    entity_id: endpointId,
    data: { ...CATALOGUE['event_endpoint.test.v1'].sample, endpoint_id: endpointId },
  });
}

export async function requireEndpoint(
  db: Queryable,
  brandId: string,
  endpointId: string,
  lock: '' | 'FOR UPDATE' = '',
): Promise<Endpoint> {
  const endpoint = await queries.findEndpoint(db, brandId, endpointId, lock);
  if (endpoint === undefined) throw new ServiceError('not_found', { message: 'There is no such endpoint.' });
  return endpoint;
}

/** What signs for an endpoint, for whoever receives there. */
export async function readSecrets(
  { seal }: EndpointDeps,
  db: Queryable,
  brandId: string,
  endpointId: string,
): Promise<{ secret: string; former_secret: string | null; former_expires_at: Date | null }> {
  const sealed = await queries.findSecrets(db, brandId, endpointId);
  if (sealed === undefined) throw new ServiceError('not_found', { message: 'There is no such endpoint.' });
  const secret = await openSecret(seal, sealed.secret);
  if (secret === undefined) {
    throw new ServiceError('precondition_failed', {
      message: 'The secret cannot be opened with EVENT_SECRET, which was changed: rotate the secret.',
    });
  }
  const former = sealed.former_secret === null ? undefined : await openSecret(seal, sealed.former_secret);
  return {
    secret,
    former_secret: former ?? null,
    former_expires_at: former === undefined ? null : sealed.former_expires_at,
  };
}

/** What signs for an endpoint, from what is kept; undefined where it cannot be opened. */
export async function openSecret(seal: Seal | undefined, sealed: string): Promise<string | undefined> {
  const opened = await seal?.open(sealed);
  return typeof opened?.secret === 'string' ? opened.secret : undefined;
}

/** A new secret, sealed: only `openSecret` tells it. */
async function newSecret(seal: Seal | undefined): Promise<string> {
  if (seal === undefined) {
    throw new ServiceError('precondition_failed', {
      message: 'The service has nothing to keep the secret with: whoever runs it has to set EVENT_SECRET.',
    });
  }
  const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
  return await seal.seal({ secret }, FOR_EVER_s);
}

/**
 * Refuses what nothing should be sent to. What a name resolves to is looked at when something is sent: it may be something else by then.
 */
export function checkAddress(address: string, allowPrivate: boolean): void {
  const refuse = (message: string): never => {
    throw new ServiceError('unprocessable', { field: 'url', message });
  };
  if (!URL.canParse(address)) refuse('url has to be an address such as https://shop.example/events.');
  const url = new URL(address);
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) {
    refuse('url has to begin with https://.');
  }
  if (url.username !== '' || url.password !== '') {
    refuse('url must not have a user or a password in it: the signature says who sends.');
  }
  if (url.hash !== '') refuse('url must not have a fragment (#…).');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isPrivate = ipaddr.isValid(host)
    ? ipaddr.parse(host).range() !== 'unicast'
    : host === 'localhost' || host.endsWith('.localhost');
  if (isPrivate && !allowPrivate) {
    refuse('url names an address that is private or reserved, to which nothing is sent.');
  }
}

const audited = ({ event_types, status, disabled_reason }: Endpoint) => ({
  event_types: event_types.join(' '),
  status,
  disabled_reason,
});

/** The address and what it is called are not in the log: either may hold what is nobody's business. */
async function record(
  tx: Transaction,
  verb: 'created' | 'updated' | 'secret_rotated' | 'deleted' | 'tested',
  before: Endpoint | null,
  after: Endpoint,
  { actor_type, actor_id, brand_id, origin }: Changer,
): Promise<void> {
  await recordAudit(tx, {
    actor_type,
    actor_id,
    brand_id,
    event_type: `event_endpoint.${verb}`,
    entity_type: 'event_endpoint',
    entity_id: after.endpoint_id,
    origin,
    details: {
      cause: origin.request_id,
      before: before === null ? null : changedFrom(audited(before), audited(after)),
      ...audited(after),
      url_changed: before !== null && before.url !== after.url,
    },
  });
}
