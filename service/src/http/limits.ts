import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { principalOf } from '../access/guard.ts';
import { ServiceError } from '../errors.ts';

const CLIENTS_MAX = 10_000;

/**
 * How often one client may read, and how often change something, counted by each process for itself. Every answer says how much is left (`X-RateLimit-Remaining`,
 * `X-RateLimit-Reset` in seconds); beyond it a 429 says how long to wait. Counted once it is known who is calling, so that
 * nobody can use up another's share.
 */
export async function limitRates(
  rooms: FastifyInstance,
  { readsPerMinute, writesPerMinute }: { readsPerMinute: number; writesPerMinute: number },
): Promise<void> {
  await rooms.register(rateLimit, {
    hook: 'onRequest',
    timeWindow: 60_000,
    max: (request) => (isRead(request) ? readsPerMinute : writesPerMinute),
    cache: CLIENTS_MAX,
    keyGenerator: (request) => `${isRead(request) ? 'reads' : 'writes'} ${principalOf(request).client_id}`,
    errorResponseBuilder: (_request, { ttl }) =>
      new ServiceError('rate_limited', { headers: { 'retry-after': String(Math.ceil(ttl / 1_000)) } }),
  });
}

const isRead = ({ method }: FastifyRequest) => method === 'GET' || method === 'HEAD';
