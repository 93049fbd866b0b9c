/** Servers on the loopback interface that play a provider's part in tests. */
import http from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface Listening {
  port: number;
  close(): Promise<void>;
}

async function listening(server: Server, close: () => void): Promise<Listening> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.once('close', () => resolve());
        close();
      }),
  };
}

export interface MailServer extends Listening {
  /** The raw messages, as they arrived. */
  messages: { raw: string; from: string; to: string[]; user?: string }[];
  /** Makes the next message fail at this stage with this reply; `hang up` cuts the connection after the body. */
  failNext(stage: 'recipient' | 'body' | 'hang up', reply?: string): void;
}

/** A real SMTP server; with `password`, it wants a login. */
export async function startMailServer(options: SMTPServerOptions & { password?: string } = {}): Promise<MailServer> {
  const messages: MailServer['messages'] = [];
  let failure: { stage: string; reply: string } | undefined;
  const take = (stage: string) => {
    if (failure?.stage !== stage) return undefined;
    const { reply } = failure;
    failure = undefined;
    return Object.assign(new Error(reply.slice(4)), { responseCode: Number(reply.slice(0, 3)) });
  };
  const server = new SMTPServer({
    hideSTARTTLS: true,
    authOptional: !options.password,
    allowInsecureAuth: true,
    onAuth: (auth, _session, done) =>
      auth.password === options.password
        ? done(null, { user: auth.username })
        : done(Object.assign(new Error(`5.7.8 no such login: ${auth.password}`), { responseCode: 535 })),
    onRcptTo: (_address, _session, done) => done(take('recipient')),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (take('hang up')) {
          for (const connection of server.connections as Set<{ close(): void; _socket: { destroy(): void } }>)
            connection._socket.destroy();
          return;
        }
        const refusal = take('body');
        if (refusal) return done(refusal);
        const { mailFrom, rcptTo } = session.envelope;
        messages.push({
          raw: Buffer.concat(chunks).toString('utf8'),
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          ...(session.user && { user: session.user }),
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => undefined); // a client that hangs up is part of the test
  return {
    ...(await listening(server.server, () => server.close())),
    messages,
    failNext: (stage, reply = '421 gone') => (failure = { stage, reply }),
  };
}

export interface WebServer extends Listening {
  url: string;
  requests: { method: string; path: string; headers: http.IncomingHttpHeaders; body: string }[];
  /** The next answer; `null` cuts the connection once the request has been read. */
  answerNext(answer: { status: number; body: string; headers?: Record<string, string> } | null): void;
}

/** Answers each request with `usual` unless the test has asked for another answer; keeps only the requests it answered as usual. */
export async function startWebServer(usual: (body: string) => { status: number; body: string }): Promise<WebServer> {
  const requests: WebServer['requests'] = [];
  let next: { status: number; body: string; headers?: Record<string, string> } | null | undefined;
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const planned = next;
      next = undefined;
      if (planned === null) return request.socket.destroy();
      if (!planned) requests.push({ method: request.method!, path: request.url!, headers: request.headers, body });
      const answer = planned ?? usual(body);
      const headers = { 'content-type': answer.body.startsWith('{') ? 'application/json' : 'text/plain' };
      return response.writeHead(answer.status, { ...headers, ...planned?.headers }).end(answer.body);
    });
  });
  const base = await listening(server, () => {
    server.close();
    server.closeAllConnections();
  });
  return { ...base, url: `http://127.0.0.1:${base.port}`, requests, answerNext: (answer) => (next = answer) };
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = await startWebServer(() => ({ status: 200, body: '' }));
  await server.close();
  return server.port;
}
