/** Which request it was: the trace id that the caller, the log lines and the audit records share. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** Carries the trace id back to the caller on every answer. */
export const traceHeader = 'x-request-id';

const traceParent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-|$)/;

/** 32 hexadecimal digits: those of a valid W3C `traceparent`, else fresh ones (an all-zero id and version ff are invalid). */
export function traceIdFrom(header: string | string[] | undefined): string {
  const [, id] = (typeof header === 'string' && !header.startsWith('ff') && traceParent.exec(header)) || [];
  return id && !/^0+$/.test(id) ? id : randomBytes(16).toString('hex');
}

/** Fastify's `genReqId`, so that `request.id` is the trace id wherever a request is seen, refused ones included. */
export const requestId = (raw: Pick<IncomingMessage, 'headers'>): string => traceIdFrom(raw.headers.traceparent);

/** The trace id as a handler's parameter, for audit records. */
export const TraceId = createParamDecorator(
  (_: unknown, context: ExecutionContext): string => context.switchToHttp().getRequest<FastifyRequest>().id,
);
