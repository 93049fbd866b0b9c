import { Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthenticatedRequest } from './access.js';

const log = new Logger('Http');
const probes = new Set(['/livez', '/readyz', '/metrics']);

/** One line a request: the route's template instead of the URL, as URLs carry ids and tokens; no headers, no bodies. */
export function logRequest(request: FastifyRequest, reply: FastifyReply): void {
  const { principal } = request as Partial<AuthenticatedRequest>;
  const route = request.routeOptions.url;
  const line = {
    msg: 'request',
    method: request.method,
    route: route ?? 'unknown',
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    traceId: request.id,
    ...(principal && {
      principal: `${principal.kind}:${principal.id}`,
      organizationId: principal.allOrganizations ? '*' : principal.organizationId,
    }),
  };
  if (route && probes.has(route)) log.debug(line);
  else log.log(line);
}
