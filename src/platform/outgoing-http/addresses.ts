/** Which addresses an outgoing call may go to. A URL that somebody typed must not reach what only this machine can reach. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Everything that is routed on the public Internet by IPv6 begins with 001 (RFC 4291, IANA's global unicast registry). */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Why nothing may be sent to this address: the name of its range (`private`, `loopback`, `linkLocal`, `carrierGradeNat`, `ipv4Mapped`,
 * `rfc6052` for NAT64, `6to4`, …); undefined for one of the public Internet. An IPv6 address with an IPv4 address inside is refused whatever
 * that is: no public name needs one, and each is a way round a check of the other.
 */
export function refusedRange(address: string): string | undefined {
  if (isIP(address) === 0) return 'no address'; // ipaddr.js would read "1" and "0x7f.1", too
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (range !== 'unicast') return range;
  return parsed instanceof ipaddr.IPv6 && !parsed.match(globalUnicast) ? 'reserved' : undefined;
}
