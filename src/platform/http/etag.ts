/** Strong entity tags of things that carry a version, and the two conditions on them (RFC 9110, 13.1). */
import { Problem } from './problem.js';

/** The tag of a version; a thing with several representations passes a text that tells them apart. */
export const etagOf = (version: number | string): string => `"${version}"`;

/**
 * Holds `If-Match` against the current version; call it with the row locked, in the transaction that changes it.
 * Absent: nothing is asked. `*`: any version will do. A weak tag never matches, as the comparison is strong.
 * @throws Problem 412 `precondition_failed`, 400 for what is no entity tag
 */
export function matchVersion(ifMatch: string | undefined, version: number | string): void {
  if (ifMatch === undefined) return;
  const tags = parseTags(ifMatch, 'if-match');
  if (tags === '*' || tags.includes(etagOf(version))) return;
  throw new Problem(
    412,
    'precondition_failed',
    `It has changed since: the current version is ${etagOf(version)}. Read it again.`,
    { headers: { etag: etagOf(version) } },
  );
}

/** Whether `If-None-Match` names the current version, so that a 304 tells the caller enough. Here weak tags count too. */
export function isUnchanged(ifNoneMatch: string | undefined, version: number | string): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = parseTags(ifNoneMatch, 'if-none-match');
  return tags === '*' || tags.some((tag) => tag.replace(/^W\//, '') === etagOf(version));
}

const entityTag = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`;
const entityTags = new RegExp(`^${entityTag}(?:[ \\t]*,[ \\t]*${entityTag})*$`);

function parseTags(header: string, name: string): '*' | string[] {
  const text = header.trim();
  if (text === '*') return '*';
  if (text.length <= 4_096 && entityTags.test(text)) return text.match(new RegExp(entityTag, 'g')) ?? [];
  throw new Problem(400, 'invalid_request', 'The request is malformed: see errors.', {
    errors: [{ pointer: `header/${name}`, message: 'must be "*" or entity tags in quotes, e.g. "3"' }],
  });
}
