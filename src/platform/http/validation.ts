/** Checks what comes in against its DTO, and tells everything that is wrong at once, each with its place. */
import { type ArgumentMetadata, Injectable, type PipeTransform, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { badRequest, pointerPart, type ProblemDetail } from './problem.js';

/** Carries class-validator's findings from the pipe below to where the kind of argument is known. */
class Findings extends Error {
  constructor(readonly errors: ValidationError[]) {
    super('validation failed');
  }
}

/** Global: unknown fields and wrong types are 400. What has no DTO comes as it is; what is not asked for at all is UndeclaredInputInterceptor's. */
@Injectable()
export class RequestValidation implements PipeTransform {
  private readonly pipe = new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    exceptionFactory: (errors) => new Findings(errors),
  });

  async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'custom') return value;
    if (metadata.type === 'body' && value !== undefined && isDto(metadata.metatype) && !isPlainObject(value)) {
      throw badRequest([{ pointer: '', message: `must be a JSON object, not ${nameOf(value)}` }]);
    }
    try {
      return await this.pipe.transform(value, metadata);
    } catch (error) {
      if (error instanceof Findings) throw badRequest(detailsOf(error.errors, prefixOf(metadata)));
      throw error;
    }
  }
}

const native = new Set<unknown>([String, Boolean, Number, Array, Object, Buffer, Date]);
const isDto = (type: unknown) => type !== undefined && !native.has(type);
const isPlainObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const nameOf = (value: unknown) => (value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`);

/** `''` for the body (a JSON pointer follows), `query` and `path` for the others. */
function prefixOf({ type, data }: ArgumentMetadata): string {
  if (type === 'body') return data ? pointerPart(data) : '';
  const kind = type === 'param' ? 'path' : type;
  return data ? `${kind}/${data}` : kind;
}

/** Every broken rule of the tree: one entry a rule. */
export function detailsOf(errors: readonly ValidationError[], prefix: string): ProblemDetail[] {
  return errors.flatMap((error) => {
    const pointer = prefix + pointerPart(error.property);
    const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
      pointer,
      message: rule === 'whitelistValidation' ? 'is not a known field' : withoutName(message, error.property),
    }));
    return [...own, ...detailsOf(error.children ?? [], pointer)];
  });
}

/** The pointer says which field: class-validator's message need not begin with it again. */
const withoutName = (message: string, property: string) =>
  message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
