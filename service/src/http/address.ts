import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';

/**
 * The IP address of a caller, as far as the proxies in front are trusted to tell it; null where there is none, or what a proxy
 * says is none. An IPv4 address that came over an IPv6 socket (RFC 4291, 2.5.5.2) is written as what it is, a zone is left out.
 */
export function addressOf({ ip }: Pick<FastifyRequest, 'ip'>): string | null {
  const address = ip.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  return isIP(address) === 0 ? null : address;
}

/**
 * What counts as one caller's address: an IPv4 address also where it is written as an IPv6 one; of IPv6 the first 64 bits, since whoever has
 * one address there has all of them. Some proxies tell the port as well. Whatever is no address counts as the same one.
 */
export function networkOf(address: string): string {
  if (isIP(address) === 4) return address;
  const [, ipv6, ipv4] = /^\[(.*)\](?::\d+)?$|^([\d.]+):\d+$/.exec(address) ?? [];
  const bare = ipv6 ?? ipv4 ?? address;
  if (isIP(bare) === 0) return 'unknown';
  const parsed = ipaddr.process(bare);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toNormalizedString()}/64`).toString();
}
