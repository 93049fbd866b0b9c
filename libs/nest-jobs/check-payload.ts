/** Checks a payload against its class, and turns what class-validator says into JSON pointers. */
import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate, type ValidationError } from 'class-validator';
import { InvalidPayload } from '@carillon/job-engine';

type PayloadError = { pointer: string; message: string };

/** Answers an instance of the class; `{}` where there is no class. @throws InvalidPayload */
export async function checkPayload(payloadClass: Type<object> | undefined, raw: unknown): Promise<object> {
  const value = raw ?? {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new InvalidPayload([{ pointer: '', message: 'must be an object' }]);
  const unstorable = [...unstorableText(value, '')];
  if (unstorable.length > 0) throw new InvalidPayload(unstorable);
  if (!payloadClass) {
    const unknown = Object.keys(value);
    if (unknown.length > 0)
      throw new InvalidPayload(unknown.map((key) => ({ pointer: `/${escape(key)}`, message: 'is not known' })));
    return {};
  }
  const instance = plainToInstance(payloadClass, value);
  const errors = await validate(instance, { whitelist: true, forbidNonWhitelisted: true });
  if (errors.length > 0) throw new InvalidPayload(errors.flatMap((error) => pointed(error, '')));
  return instance;
}

function pointed(error: ValidationError, parent: string): PayloadError[] {
  const pointer = `${parent}/${escape(error.property)}`;
  const own = Object.values(error.constraints ?? {}).map((message) => ({ pointer, message }));
  return [...own, ...(error.children ?? []).flatMap((child) => pointed(child, pointer))];
}

const escape = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** JSONB takes no NUL and no lone surrogate; better said here, with the place, than by an SQL error. */
function* unstorableText(value: unknown, pointer: string): Generator<PayloadError> {
  if (typeof value === 'string' && isUnstorable(value))
    yield { pointer, message: 'must not contain NUL or half a surrogate pair' };
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value)) {
    if (isUnstorable(key)) yield { pointer, message: 'has a key with NUL or half a surrogate pair' };
    yield* unstorableText(part, `${pointer}/${escape(key)}`);
  }
}

const isUnstorable = (text: string) => text.includes('\u0000') || /\p{Surrogate}/u.test(text);
