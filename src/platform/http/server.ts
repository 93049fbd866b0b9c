/** The HTTP server itself: what it accepts, for how long, and the hooks that every request passes. */
import type { Socket } from 'node:net';
import helmet from '@fastify/helmet';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config/index.js';
import { bodyLimit, discardUnreadBody, guardIncomingBody, parseJsonBody } from './body.js';
import { docsPolicy, helmetOptions, isDocsPath } from './browser.js';
import { serveDocument } from './openapi/document.js';
import { ProblemFilter, sendProblem } from './problem-filter.js';
import { problemOf } from './problem-of.js';
import { Problem } from './problem.js';
import { logRequest } from './request-log.js';
import { guardQuery } from './text-guard.js';
import { requestId, traceHeader } from './trace.js';
import { RequestValidation } from './validation.js';

/** Nest would add parsers for forms and text; only JSON comes in here (and multipart where an import asks for it). */
class JsonOnlyAdapter extends FastifyAdapter {
  override registerParserMiddleware(): void {}
}

export function createFastifyAdapter(config: Config): FastifyAdapter {
  const adapter = new JsonOnlyAdapter({
    bodyLimit,
    trustProxy: [...config.trustedProxies],
    genReqId: requestId,
    // a whole upload may take an hour, but a socket may be silent for a minute only, and headers take 15 s at most
    requestTimeout: 3_600_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 72_000,
    http: { headersTimeout: 15_000, maxHeaderSize: 16_384, connectionsCheckingInterval: 5_000 },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(reply, problemOf(error).problem, request.id),
  });
  const fastify = adapter.getInstance();
  fastify.removeContentTypeParser(['application/json', 'text/plain']);
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit },
    async (request: FastifyRequest, body: Buffer) => parseJsonBody(request, body),
  );
  return adapter;
}

/** What every HTTP process has before it listens. */
export async function configureHttp(app: NestFastifyApplication, config: Config): Promise<void> {
  app.useGlobalFilters(new ProblemFilter());
  app.useGlobalPipes(new RequestValidation());
  app.getHttpServer().maxConnections = 10_000;
  const fastify = app.getHttpAdapter().getInstance();
  await fastify.register(helmet, helmetOptions(config));
  fastify.addHook('onRequest', async (request, reply) => {
    reply.headers({ [traceHeader]: request.id, 'cache-control': 'no-store' });
    if (isDocsPath(request.url)) reply.header('content-security-policy', docsPolicy);
  });
  fastify.addHook('preParsing', async (request, _reply, payload) => {
    guardIncomingBody(request, payload);
    return payload;
  });
  fastify.addHook('preValidation', async (request) => guardQuery(request));
  fastify.addHook('onSend', async (request) => discardUnreadBody(request.raw));
  fastify.addHook('onResponse', async (request, reply) => logRequest(request, reply));
  serveDocument(app);
}

/** What is no HTTP, or never became a whole request, ends before Fastify sees it. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, line, problem] = brokenRequests[error.code ?? ''] ?? malformed;
  const body = JSON.stringify(problem.toBody(requestId({ headers: {} })));
  socket.end(
    `HTTP/1.1 ${status} ${line}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

type Broken = readonly [number, string, Problem];
const malformed: Broken = [
  400,
  'Bad Request',
  new Problem(400, 'invalid_request', 'This is not a valid HTTP request.'),
];
const brokenRequests: Record<string, Broken> = {
  HPE_HEADER_OVERFLOW: [
    431,
    'Request Header Fields Too Large',
    new Problem(431, 'headers_too_large', 'The headers are larger than 16 KiB.'),
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    'Request Timeout',
    new Problem(408, 'request_timeout', 'The request did not arrive in time.'),
  ],
};
