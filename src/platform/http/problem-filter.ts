import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from './problem.js';
import { problemOf } from './problem-of.js';
import { traceHeader } from './trace.js';

/** The one place where an error becomes an answer: `application/problem+json`, and never a stack or the text of an unforeseen error. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly log = new Logger('Http');

  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { id } = host.switchToHttp().getRequest<FastifyRequest>();
    const { problem, kind } = problemOf(error);
    if (kind === 'fault') this.log.error({ msg: 'request failed', traceId: id, err: error });
    else if (kind !== 'refusal') this.log.warn({ msg: `answered ${problem.status}`, traceId: id, err: error });
    // A body that was half sent cannot be taken back: cutting the connection is the only honest signal left.
    if (reply.raw.headersSent) reply.raw.destroy();
    else sendProblem(reply, problem, id);
  }
}

export function sendProblem(reply: FastifyReply, problem: Problem, traceId: string): void {
  const retryAfter = problem.status === 503 && !problem.headers['retry-after'] ? { 'retry-after': '1' } : {};
  void reply
    .status(problem.status)
    .headers({ ...retryAfter, ...problem.headers, [traceHeader]: traceId, 'content-type': 'application/problem+json' })
    .serializer(JSON.stringify)
    .send(problem.toBody(traceId));
}
