/** The one client for every URL that somebody typed: job payloads, webhooks, chat hooks (docs/architecture.md, "Outgoing calls"). */
import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { isNativeError } from 'node:util/types';
import { Client, type Dispatcher } from 'undici';
import { addressOf, checkDestination, checkHeaders, refuseUnlessPublic } from './destination.js';
import { OutgoingFailed, OutgoingRefused } from './refusals.js';

export interface HostAddress {
  address: string;
  family: number;
}
/** All addresses of a name, as the system's resolver gives them. */
export type Lookup = (hostname: string) => Promise<HostAddress[]>;

export interface OutgoingHttpOptions {
  /** For tests and trials alone: http and private addresses are called, too. Production refuses to start with it. */
  unsafe: boolean;
  lookup?: Lookup;
  /** Certificates trusted besides the system's, PEM. */
  ca?: string;
}

export interface OutgoingRequest {
  url: string;
  method: Dispatcher.HttpMethod;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Allow-listed by exact name, with `:port` where it is not 443. */
  hosts: readonly string[];
  /** How a host is allowed, for the refusal. */
  mend: string;
  /** For the whole call: lookup, connection, request and answer. */
  deadlineMs: number;
  signal?: AbortSignal;
}

export interface OutgoingAnswer {
  status: number;
  /** Names in lower case; of a repeated one the values by comma. */
  headers: Record<string, string>;
  /** At most `mostRead` bytes. */
  body: Buffer;
  /** There was more than that; the rest was not read. */
  truncated: boolean;
}

export const mostRead = 65_536;

/** How long a check before saving waits for the name to be looked up. */
const checkLookupMs = 1_500;

export class OutgoingHttp {
  private readonly lookup: Lookup;
  private readonly underWay = new Set<Client>();

  constructor(private readonly options: OutgoingHttpOptions) {
    this.lookup = options.lookup ?? ((hostname) => systemLookup(hostname, { all: true, verbatim: true }));
  }

  /**
   * For URLs that are about to be stored: all that `send` would refuse, the addresses of the name included. A name that cannot be looked up
   * now passes, as it may be there when it is called.
   * @throws OutgoingRefused
   */
  async check(url: string, { hosts, mend }: Pick<OutgoingRequest, 'hosts' | 'mend'>): Promise<void> {
    const { unsafe } = this.options;
    const destination = checkDestination(url, { hosts, mend, unsafe });
    if (unsafe || addressOf(destination) !== undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<HostAddress[]>((resolve) => {
      timer = setTimeout(() => resolve([]), checkLookupMs);
    });
    const found = await Promise.race([this.lookup(destination.hostname).catch(() => []), late]);
    clearTimeout(timer);
    refuseUnlessPublic(destination.host, addresses(found));
  }

  /**
   * Sends one request. Redirects are answered as they are, never followed.
   * @throws OutgoingRefused for a destination that is not allowed; nothing was sent
   * @throws OutgoingFailed when no whole answer came in time; the reason of `signal` when that fired
   */
  async send(call: OutgoingRequest): Promise<OutgoingAnswer> {
    const url = checkDestination(call.url, { hosts: call.hosts, mend: call.mend, unsafe: this.options.unsafe });
    checkHeaders(call.headers ?? {});
    const deadline = AbortSignal.timeout(call.deadlineMs);
    const signal = call.signal ? AbortSignal.any([call.signal, deadline]) : deadline;
    const client = this.clientFor(url, call.deadlineMs);
    // the client's own signal is not heard before it is connected
    const giveUp = () => void client.destroy();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      signal.throwIfAborted();
      return await exchange(client, url, call);
    } catch (error) {
      if (call.signal?.aborted) throw call.signal.reason;
      if (deadline.aborted)
        throw new OutgoingFailed('timeout', `${url.origin} did not answer within ${call.deadlineMs} ms`);
      throw failureOf(error, url.origin);
    } finally {
      signal.removeEventListener('abort', giveUp);
      this.underWay.delete(client);
      await client.destroy();
    }
  }

  /** Cuts what is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.underWay].map((client) => client.destroy()));
  }

  /**
   * A connection for each call: its address is looked up, checked and used in one go, so a name that answers another address a moment
   * later changes nothing. Proxies of the environment are not used: they would look the name up again.
   */
  private clientFor(url: URL, deadlineMs: number): Client {
    const { ca } = this.options;
    const connect = { lookup: this.checkedLookup(), timeout: deadlineMs, ...(ca !== undefined && { ca }) };
    const client = new Client(url.origin, { connect, maxHeaderSize: 16_384 });
    this.underWay.add(client);
    return client;
  }

  /** Checks every address of the name and hands exactly these to the connection: what was checked is what is called. */
  private checkedLookup(): LookupFunction {
    return (hostname, { all }, done) => {
      this.lookup(hostname).then(
        (found) => {
          const [first] = found;
          try {
            if (!this.options.unsafe) refuseUnlessPublic(hostname, addresses(found));
          } catch (error) {
            return done(error as Error, '');
          }
          if (!first) return done(Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' }), '');
          return all ? done(null, found) : done(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => done(error, ''),
      );
    };
  }
}

const addresses = (found: readonly HostAddress[]) => found.map(({ address }) => address);

async function exchange(client: Client, url: URL, { method, headers, body }: OutgoingRequest): Promise<OutgoingAnswer> {
  const answer = await client.request({
    path: url.pathname + url.search,
    method,
    headers: { 'accept-encoding': 'identity', ...headers },
    body: body ?? null,
  });
  return { status: answer.statusCode, headers: flat(answer.headers), ...(await readUpTo(mostRead, answer.body)) };
}

async function readUpTo(most: number, body: AsyncIterable<Buffer>): Promise<{ body: Buffer; truncated: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > most) break; // leaving the loop closes the connection
  }
  return { body: Buffer.concat(chunks).subarray(0, most), truncated: size > most };
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const entries = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, [value].flat().join(', ')]));
}

/** The refusal of the lookup, however deep the client has wrapped it; else what the network says, without its details. */
function failureOf(error: unknown, origin: string): Error {
  let code: string | undefined;
  for (let e = error; isNativeError(e); e = e.cause) {
    if (e instanceof OutgoingRefused) return e;
    code ??= (e as NodeJS.ErrnoException).code;
  }
  return new OutgoingFailed(
    code ?? 'network',
    `${origin} could not be reached or broke off (${code ?? 'network error'})`,
  );
}
