import type { FastifyInstance, FastifyRequest } from 'fastify';
import { principalOf } from '../access/guard.ts';
import { ServiceError } from '../errors.ts';
import type { Rates } from '../rates/rates.ts';
import { networkOf } from './address.ts';

interface Often {
  reads_per_minute: number;
  writes_per_minute: number;
}

/** How often something may be done in any minute. */
export interface Limits {
  /** By one client. */
  client: Often;
  /** From one address, by all clients together. */
  address: Often;
  /** How often somebody at one address may fail to say who they are. */
  failures_per_minute: number;
}

/**
 * How often one client, and all at one address, may read, and how often change something. Every answer says how much is left
 * (`X-RateLimit-Remaining`) and in how many seconds there is more (`X-RateLimit-Reset`); beyond it a 429 says how long to wait. Counted once
 * it is known who is calling, so that nobody can use up another's share; what is refused does not count.
 */
export function limitRates(rooms: FastifyInstance, rates: Rates, limits: Limits): void {
  rooms.addHook('onRequest', async (request, reply) => {
    const kind = isRead(request) ? 'reads' : 'writes';
    const per_minute = `${kind}_per_minute` as const;
    const client = rates.rate(`${kind} client ${principalOf(request).client_id}`);
    const address = rates.rate(`${kind} address ${networkOf(request.ip)}`);
    const ofClient = client.left(limits.client[per_minute]);
    const ofAddress = address.left(limits.address[per_minute]);
    const left = Math.min(ofClient.left, ofAddress.left);
    const more_in_ms = Math.max(
      ...[ofClient, ofAddress].filter((one) => one.left === left).map((one) => one.more_in_ms),
    );
    reply.header('x-ratelimit-remaining', Math.max(0, left - 1));
    reply.header('x-ratelimit-reset', seconds(more_in_ms));
    if (left === 0) throw new ServiceError('rate_limited', { headers: retryAfter(more_in_ms) });
    client.add(limits.client[per_minute]);
    address.add(limits.address[per_minute]);
  });
}

const isRead = ({ method }: FastifyRequest) => method === 'GET' || method === 'HEAD';

/** At least one, since it is waited for. */
const seconds = (ms: number) => String(Math.max(1, Math.ceil(ms / 1_000)));

/** For an answer that refuses for now. */
export const retryAfter = (ms: number): Record<string, string> => ({ 'retry-after': seconds(ms) });
