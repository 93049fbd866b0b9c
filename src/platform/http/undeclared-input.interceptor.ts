import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { badRequest, pointerPart, type ProblemDetail } from './problem.js';

/** The names a handler asks for one by one, or `whole` where it takes everything and its DTO is the judge. */
type Declared = ReadonlySet<string> | 'whole';
interface DeclaredInput {
  query: Declared;
  body: Declared;
}

/**
 * Refuses with 400 what a route does not declare: RequestValidation only sees what a handler asks for, so without this
 * `?dryRun=true` on a route that knows no dry run would be carried out in earnest.
 * An interceptor, for it has to come after the guards: 401, 403 and 429 go first.
 */
@Injectable()
export class UndeclaredInputInterceptor implements NestInterceptor {
  /** By class and then by method name, as a handler inherited by two controllers may be declared differently in each. */
  private readonly known = new WeakMap<object, Map<string, DeclaredInput>>();

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { query, body } = context.switchToHttp().getRequest<FastifyRequest>();
    const declared = this.declaredBy(context.getClass(), context.getHandler().name);
    const errors = [...undeclaredInQuery(query as object, declared.query), ...undeclaredInBody(body, declared.body)];
    if (errors.length > 0) throw badRequest(errors);
    return next.handle();
  }

  private declaredBy(controller: object, method: string): DeclaredInput {
    let ofClass = this.known.get(controller);
    if (!ofClass) this.known.set(controller, (ofClass = new Map<string, DeclaredInput>()));
    let declared = ofClass.get(method);
    if (!declared) ofClass.set(method, (declared = readDeclaration(controller, method)));
    return declared;
  }
}

/** Nest keeps a handler's parameters as `{ '<RouteParamtypes>:<index>': { data: name | undefined } }`. */
type RouteArguments = Record<string, { data?: unknown }>;

function readDeclaration(controller: object, method: string): DeclaredInput {
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as RouteArguments;
  const dataOf = (...types: RouteParamtypes[]) =>
    Object.entries(args)
      .filter(([key]) => types.some((type) => key.startsWith(`${type}:`)))
      .map(([, { data }]) => data);
  // the raw request, the raw bytes and uploads are the body too, in another form: their handlers judge it themselves
  const { REQUEST, RAW_BODY, FILE, FILES, BODY, QUERY } = RouteParamtypes;
  const takesRaw = dataOf(REQUEST, RAW_BODY, FILE, FILES).length > 0;
  return { query: namesOf(dataOf(QUERY)), body: takesRaw ? 'whole' : namesOf(dataOf(BODY)) };
}

const namesOf = (data: unknown[]): Declared =>
  data.every((name) => typeof name === 'string') ? new Set(data) : 'whole';

const message = 'is not a known field';

function undeclaredInQuery(query: object, declared: Declared): ProblemDetail[] {
  if (declared === 'whole') return [];
  return namesBeyond(declared, query).map((name) => ({ pointer: `query/${name}`, message }));
}

function undeclaredInBody(body: unknown, declared: Declared): ProblemDetail[] {
  if (declared === 'whole' || body === undefined) return [];
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
    return namesBeyond(declared, body).map((name) => ({ pointer: pointerPart(name), message }));
  }
  const expected = declared.size > 0 ? 'must be a JSON object' : 'must be absent or an empty JSON object';
  return [{ pointer: '', message: expected }];
}

const namesBeyond = (declared: ReadonlySet<string>, input: object) =>
  Object.keys(input).filter((name) => !declared.has(name));
