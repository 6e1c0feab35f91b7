import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

/**
 * The IP address of a caller, as far as the proxies in front are trusted to tell it; null where there is none, or what a proxy
 * says is none. An IPv4 address that came over an IPv6 socket (RFC 4291, 2.5.5.2) is written as what it is, a zone is left out.
 */
export function addressOf({ ip }: Pick<FastifyRequest, 'ip'>): string | null {
  const address = ip.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  return isIP(address) === 0 ? null : address;
}
