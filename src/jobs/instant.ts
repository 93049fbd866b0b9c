import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { IsDate } from 'class-validator';

const iso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** A field that comes as ISO 8601 with a zone (or a date alone: midnight UTC) and is read as a Date; `new Date()` alone would take "1". */
export const IsInstant = () =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && iso.test(value) ? new Date(value) : value,
    ),
    IsDate({ message: '$property must be an ISO 8601 time such as 2026-03-08T09:30:00Z' }),
  );
