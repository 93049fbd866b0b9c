/** Texts that no part of the house can keep (PostgreSQL refuses NUL, UTF-8 has no lone surrogates) and names that reach into prototypes. */
import type { FastifyRequest } from 'fastify';
import { badRequest, type ProblemDetail } from './problem.js';

const loneSurrogate = /\p{Surrogate}/u;

/** What is wrong with a text, or undefined. */
export function flawOf(text: string): string | undefined {
  if (text.includes('\0')) return 'contains a NUL character';
  if (loneSurrogate.test(text)) return 'contains half of a surrogate pair';
  return undefined;
}

/**
 * Names that every JavaScript object carries by itself: `__proto__` would change prototypes, with `constructor` set
 * class-transformer calls what the caller sent, and the rest it drops without a word. A refusal is better than a loss.
 */
export const isForbiddenKey = (key: string): boolean => key in Object.prototype || key === 'prototype';

/** Refuses a query that validation would silently drop or the database could not read. */
export function guardQuery(request: FastifyRequest): void {
  const errors: ProblemDetail[] = [];
  for (const [name, values] of Object.entries(request.query as Record<string, string | string[]>)) {
    if (isForbiddenKey(name)) errors.push({ pointer: `query/${name}`, message: 'is not a known field' });
    const flaw = [name, values].flat().map(flawOf).find(Boolean);
    if (flaw) errors.push({ pointer: `query/${name.replaceAll('\0', '')}`, message: flaw });
  }
  if (errors.length > 0) throw badRequest(errors);
}
