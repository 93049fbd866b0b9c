/** What can be said of a URL before anything is asked of the network. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { isIP } from 'node:net';
import { refusedRange } from './addresses.js';
import { OutgoingRefused } from './refusals.js';

export interface DestinationRules {
  /** Exact names, each with `:port` where it is not the scheme's own; nothing matches by pattern. */
  hosts: readonly string[];
  /** What to do to allow a host, for the message: `add it to HTTP_REQUEST_ALLOWED_HOSTS`. */
  mend: string;
  /** For tests and trials alone: http and private addresses too. */
  unsafe: boolean;
}

/** @throws OutgoingRefused with what is wrong and how to mend it */
export function checkDestination(text: string, { hosts, mend, unsafe }: DestinationRules): URL {
  if (!URL.canParse(text)) throw new OutgoingRefused('url', 'is no absolute URL such as https://host/path');
  const url = new URL(text);
  const schemes = unsafe ? ['https:', 'http:'] : ['https:'];
  if (!schemes.includes(url.protocol))
    throw new OutgoingRefused('scheme', `must begin with https:// (not ${url.protocol})`);
  if (url.username || url.password)
    throw new OutgoingRefused('credentials', 'must not hold a name or password: URLs are stored and shown');
  if (!hosts.includes(url.host))
    throw new OutgoingRefused('host', `names the host ${url.host}, which is not allowed: ${mend}`);
  const literal = addressOf(url);
  if (literal !== undefined && !unsafe) refuseUnlessPublic(url.host, [literal]);
  return url;
}

/** The address that the URL itself gives, for which no lookup is ever made. */
export function addressOf({ hostname }: URL): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? undefined : bare;
}

/** One bad address spoils the name: a name that answers both a public and a private one is how such a check is slipped past. */
export function refuseUnlessPublic(host: string, addresses: readonly string[]): void {
  for (const address of addresses) {
    const range = refusedRange(address);
    if (range !== undefined)
      throw new OutgoingRefused('address', `${host} is at ${address} (${range}); only public addresses may be called`);
  }
}

/** Those by which a caller could speak to another host, or smuggle a second request in. */
const ownHeaders = new Set(
  'connection content-length expect host keep-alive te trailer transfer-encoding upgrade accept-encoding'.split(' '),
);

/** @throws OutgoingRefused with the header's name, never with its value */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
    } catch {
      throw new OutgoingRefused('header', `${JSON.stringify(name.slice(0, 60))} is no header name`);
    }
    if (ownHeaders.has(name.toLowerCase()) || /^proxy-/i.test(name))
      throw new OutgoingRefused('header', `the header ${name} is set by the client itself`);
    try {
      validateHeaderValue(name, value);
    } catch {
      throw new OutgoingRefused('header', `the header ${name} has a value with characters that no header may hold`);
    }
  }
}
