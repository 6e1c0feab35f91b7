import type { FastifyInstance, FastifyRequest } from 'fastify';
import { principalOf } from '../access/guard.ts';
import { ServiceError } from '../errors.ts';
import { addressOf } from '../http/address.ts';
import type { ReadLog } from './read-log.ts';
import type { Read } from './record.ts';

/** How the audit log tells of an operation that only reads. */
export interface AuditedRead extends Pick<Read, 'event_type' | 'entity_type'> {
  /** The parameter of the path that says which; absent for lists. */
  parameter?: string;
  /** Parameters of the query whose value may be a person's words: only that they were given is kept. */
  withheld?: readonly string[];
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the audit log says of a read; `false` where it shows nothing of anybody's. */
    audited?: AuditedRead | false;
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The customer whom an answer shows, where no parameter says so; recorded by name. */
    shownCustomer?: string;
  }
}

/** What an id looks like, or a code, a number, a time; and not a sentence, a name or an e-mail address. */
const ID = /^[\w.:+-]{1,200}$/;
/** An id of ours; anything else may be somebody's who is no customer yet or no longer, and what is written here stays. */
const OURS = /^(payment|refund|dispute|event|anomaly|difference|erased|batch)_\w+$|^customer:[0-9a-f]{32}$/;
/** An id of Stripe's, which names nobody. */
const STRIPES = /^(re|pyr|pi|ch|py|dp|du)_[A-Za-z0-9_]{1,100}$/;
/** Parameters whose value is of a person: of these, too, only that they were given is kept. */
const PERSONAL: ReadonlySet<string> = new Set(['customer_id', 'order_id', 'subscription_id']);
/** Say where in a list, not of what. */
const PAGING: ReadonlySet<string> = new Set(['limit', 'cursor']);

/**
 * Has what callers look at recorded: each answer of an operation that declares `config.audited`, also that something is not there.
 * An operation of the API that reads and does not declare it does not start.
 */
export function auditReads(app: FastifyInstance, reads: ReadLog): void {
  app.addHook('onRoute', ({ method, url, schema, config }) => {
    const needed =
      url.startsWith('/v1/') && [method].flat().includes('GET') && schema?.security?.length !== 0;
    if (needed && config?.audited === undefined)
      throw new Error(`GET ${url} does not declare whether it is audited`);
  });
  app.addHook('preHandler', (request, _reply, done) => {
    if (auditedRead(request) === undefined || reads.hasRoom()) return done();
    done(
      new ServiceError('service_unavailable', {
        message: 'What is read is recorded, which is not possible at the moment: try again in a few seconds.',
        headers: { 'retry-after': '5' },
      }),
    );
  });
  // Before the answer leaves: nothing is shown that is not at least on its way into the log.
  app.addHook('onSend', (request, reply, _payload, done) => {
    const audited = auditedRead(request);
    const { statusCode: status } = reply;
    if (audited !== undefined && (status === 200 || (status === 404 && audited.parameter !== undefined)))
      reads.add(describe(request, audited, status));
    done();
  });
  app.addHook('onClose', () => reads.close());
}

const auditedRead = ({ routeOptions }: FastifyRequest) => routeOptions.config.audited || undefined;

function describe(request: FastifyRequest, audited: AuditedRead, status: number): Omit<Read, 'age_s'> {
  const { actor_type, actor_id, client_id, brand_id } = principalOf(request);
  const query = Object.entries(request.query as Record<string, unknown>).filter(
    ([name, value]) => value !== undefined && !PAGING.has(name),
  );
  const isKept = ([name, value]: [string, unknown]) =>
    audited.withheld?.includes(name) !== true && !PERSONAL.has(name) && isTold(name, String(value));
  const filters = Object.fromEntries(query.filter(isKept));
  const withheld = query.filter((one) => !isKept(one)).map(([name]) => name);
  return {
    actor_type,
    actor_id,
    client_id,
    // Where the token names no brand, the list of disputes lets its parameter do so.
    brand_id: typeof filters.brand_id === 'string' ? filters.brand_id : brand_id,
    event_type: audited.event_type,
    ...(request.shownCustomer === undefined
      ? subjectOf(request, audited, request.query as Record<string, unknown>)
      : { entity_type: 'customer', entity_id: request.shownCustomer }),
    request_id: request.id,
    ip_address: addressOf(request),
    details: {
      status,
      ...(query.length === 0 ? {} : { filters }),
      ...(withheld.length === 0 ? {} : { withheld }),
      ...(request.shown ?? {}),
    },
  };
}

/** What is looked for may be anybody's id, or anything else; only what has the form of a thing's id is kept. */
function isTold(name: string, value: string): boolean {
  if (name === 'q') return OURS.test(value) || STRIPES.test(value);
  return (name === 'entity_id' ? OURS : ID).test(value);
}

function subjectOf(
  request: FastifyRequest,
  { entity_type, parameter }: AuditedRead,
  query: Record<string, unknown>,
): Pick<Read, 'entity_type' | 'entity_id'> {
  if (parameter !== undefined) {
    const id = String((request.params as Record<string, unknown>)[parameter]);
    if (entity_type === 'customer') return { entity_type, entity_id: id };
    return { entity_type, entity_id: OURS.test(id) && ID.test(id) ? id : '*' };
  }
  // By id here; the log is written with the name that is made from it.
  if (typeof query.customer_id === 'string') return { entity_type: 'customer', entity_id: query.customer_id };
  if (typeof query.payment_id === 'string' && OURS.test(query.payment_id))
    return { entity_type: 'payment', entity_id: query.payment_id };
  return { entity_type, entity_id: '*' };
}
