import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config/index.js';
import { ProblemFilter, sendProblem } from './problem-filter.js';
import { problemOf } from './problem-of.js';
import { requestId } from './trace.js';
import { guardQuery } from './text-guard.js';
import { RequestValidation } from './validation.js';

/** 1 MiB of JSON; imports are streamed apart. */
const bodyLimit = 1_048_576;

export function createFastifyAdapter(config: Config): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit,
    trustProxy: [...config.trustedProxies],
    requestTimeout: 60_000,
    genReqId: requestId,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(reply, problemOf(error).problem, request.id),
  });
}

/** What every HTTP process has before it listens. */
export async function configureHttp(app: NestFastifyApplication, _config: Config): Promise<void> {
  app.useGlobalFilters(new ProblemFilter());
  app.useGlobalPipes(new RequestValidation());
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('preValidation', async (request) => guardQuery(request));
}
