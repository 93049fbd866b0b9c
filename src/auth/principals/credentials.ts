import type { IncomingHttpHeaders } from 'node:http';

export type Credentials = { kind: 'apiKey'; key: string } | { kind: 'accessToken'; token: string };

/** `ck_` and 32 random bytes in base64url: recognisable to people and to scanners for leaked secrets. */
export const apiKeyShape = /^ck_[\w-]{43}$/;

/** What the caller shows: `Authorization: Bearer <token or ck_…>`, or `X-Api-Key: ck_…`; null where there is neither. */
export function credentialsOf(headers: IncomingHttpHeaders): Credentials | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined)
    return bearer.startsWith('ck_') ? { kind: 'apiKey', key: bearer } : { kind: 'accessToken', token: bearer };
  const key = headers['x-api-key'];
  return typeof key === 'string' ? { kind: 'apiKey', key } : null;
}
