import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { JobRequestHeaders } from './job-requests.js';

/** The headers that bear on the creation of jobs. */
export const CreationHeaders = createParamDecorator((_: unknown, context: ExecutionContext): JobRequestHeaders => {
  const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
  const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(',') : value);
  return { idempotencyKey: one(headers['idempotency-key']), organizationId: one(headers['x-organization-id']) };
});

/** For the documentation: jobs keep the key themselves, so the routes need no `@Idempotent()`. */
export const idempotencyKeyHeader = {
  name: 'Idempotency-Key',
  required: false,
  description: 'Makes one job, however often it is sent within 24 hours.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
} as const;

/** Says where the job stands that was just made, and whether an earlier call with the same key had made it. */
export function announceCreated(reply: FastifyReply, jobId: string, replayed: boolean): void {
  const path = reply.request.url.split('?')[0];
  reply.header('location', `${path}/${jobId}`);
  if (replayed) reply.header('idempotency-replayed', 'true');
}
