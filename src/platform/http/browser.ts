/** What browsers are told: one strict policy for everything, and the little that the page of /docs needs beyond it. */
import type { FastifyHelmetOptions } from '@fastify/helmet';
import type { Config } from '../config/index.js';

const directives = {
  'default-src': ["'self'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'object-src': ["'none'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
};

/** Strict-Transport-Security only where people come by https: on a plain-http host it would lock them out. */
export function helmetOptions(config: Config): FastifyHelmetOptions {
  return {
    global: true,
    contentSecurityPolicy: { useDefaults: false, directives },
    hsts: config.publicUrl.startsWith('https:') && { maxAge: 31_536_000, includeSubDomains: false },
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
  };
}

/** Swagger UI carries style elements of its own; its scripts are files, so scripts stay as strict as everywhere. */
export const docsPolicy = Object.entries({ ...directives, 'style-src': ["'self'", "'unsafe-inline'"] })
  .map(([name, sources]) => `${name} ${sources.join(' ')}`)
  .join(';');

export const isDocsPath = (url: string): boolean => /^\/docs(?:[/?]|$)/.test(url);
