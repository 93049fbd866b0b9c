/** Path and query parameters: text that has to become something before a handler sees it. */
import { applyDecorators, Param, type PipeTransform } from '@nestjs/common';
import { ApiParam, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsInt, IsOptional, Max, Min } from 'class-validator';
import { notFound } from './problem.js';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
export const isUuid = (text: unknown): text is string => typeof text === 'string' && uuid.test(text);

/**
 * `@UuidParam('jobId', 'job') jobId: string`. What is no UUID names nothing, so it answers the same 404 as an id
 * that does not exist or belongs to somebody else.
 */
export function UuidParam(name: string, what: string): ParameterDecorator {
  const pipe: PipeTransform = {
    transform(value: unknown) {
      if (!isUuid(value)) throw notFound(what);
      return value.toLowerCase();
    },
  };
  return (target, method, index) => {
    Param(name, pipe)(target, method, index);
    const descriptor = method && Object.getOwnPropertyDescriptor(target, method);
    if (descriptor) ApiParam({ name, type: String, format: 'uuid' })(target, method, descriptor);
  };
}

/** A whole number of the query: digits only, so that neither `abc`, `1e3`, `0x10` nor an empty text becomes a number. */
export const QueryInteger = (min: number, max: number) =>
  applyDecorators(
    ApiPropertyOptional({ type: 'integer', minimum: min, maximum: max }),
    IsOptional(),
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value,
    ),
    IsInt(),
    Min(min),
    Max(max),
  );

/** `true` or `false`; anything else is refused. */
export const QueryBoolean = () =>
  applyDecorators(
    ApiPropertyOptional({ type: 'boolean' }),
    IsOptional(),
    Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value)),
    IsBoolean(),
  );

/** Several values by comma (`status=queued,failed`) or repeated; validate the elements with `{ each: true }`. */
export const QueryList = () =>
  applyDecorators(
    IsOptional(),
    Transform(({ value }: { value: unknown }) =>
      [value].flat().flatMap((part) => (typeof part === 'string' ? part.split(',').filter(Boolean) : [part])),
    ),
  );
