import ipaddr from 'ipaddr.js';

/**
 * What counts as one caller's address: an IPv4 address also where it is written as an IPv6 one; of IPv6 the first 64 bits, since whoever has
 * one address there has all of them.
 */
export function networkOf(address: string): string {
  if (!address.includes(':') || !ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toNormalizedString()}/64`).toString();
}
