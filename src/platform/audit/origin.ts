import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** Where a call came from; goes into its audit records. */
export interface Origin {
  address: string;
  traceId: string;
}

/** `@CallOrigin() origin: Origin` as a handler's parameter. */
export const CallOrigin = createParamDecorator((_: unknown, context: ExecutionContext): Origin => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  return { address: request.ip, traceId: request.id };
});
