import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type AuthenticatedRequest, etagOf } from '../../platform/http/index.js';
import type { ControlCaller } from './control-changes.js';

/** Who changes a control, from where and on which condition, as a handler's parameter. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): ControlCaller => {
  const { principal, ip, id, headers } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  const ifMatch = headers['if-match'];
  return { principal, origin: { address: ip, traceId: id }, ...(ifMatch !== undefined && { ifMatch }) };
});

/** Answers the settings with the tag that a change may be made conditional on. */
export function tagged<T>(reply: FastifyReply, tag: string, settings: T): T {
  void reply.header('etag', etagOf(tag));
  return settings;
}
