/** What holds for every operation, written into the document once instead of on every route. Pure. */
import { STATUS_CODES } from 'node:http';
import type { OpenAPIObject } from '@nestjs/swagger';
import { accessExtensions } from '../access.js';

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;
type Parameter = { name?: string; in?: string };
/** An operation with the extensions that the access decorators leave on it. */
type Marked = Operation & { [extension: string]: unknown };

const methods = ['get', 'put', 'post', 'delete', 'patch'] as const;

/**
 * The document with security, the shared parameters, problem responses and stable operation ids.
 * @throws when two operations would have the same id
 */
export function withConventions(document: OpenAPIObject): OpenAPIObject {
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      return operation ? [{ path, method, operation: operation as Marked }] : [];
    }),
  );
  for (const { path, method, operation } of operations) {
    operation.operationId = operationId(path, operation.operationId ?? '');
    const isPublic = operation[accessExtensions.public] === true;
    operation.security = isPublic ? [] : securityOf(operation);
    const role = isPublic ? undefined : roleOfFace(path);
    if (role) operation[accessExtensions.role] ??= role;
    describeAnswers(operation);
    if (!isPublic) operation.parameters = [...(operation.parameters ?? []), organizationReference];
    for (const status of problemsOf(path, method, operation, isPublic)) {
      operation.responses[status] ??= { $ref: `#/components/responses/${problems[status]!.name}` };
    }
  }
  refuseDuplicates(operations.map(({ operation }) => operation.operationId!));
  const components = { ...document.components, responses: problemResponses, parameters: sharedParameters };
  components.schemas = { ...components.schemas, Problem: problemSchema };
  return { ...document, components } as OpenAPIObject;
}

/** `user.list`; the face for an OrgAdmin is another operation of the same controller: `user.list.organization`. */
function operationId(path: string, made: string): string {
  const id = made.replace(/\[\d+\]$/, '');
  return path.startsWith('/api/organization/') ? `${id}.organization` : id;
}

/** The role that the face of an AdminController asks for, where its method asks for no higher one. */
function roleOfFace(path: string): string | undefined {
  if (path.startsWith('/api/system/')) return 'SystemAdmin';
  return path.startsWith('/api/organization/') ? 'OrgAdmin' : undefined;
}

/** A response needs a description; its status says enough where the controller says nothing. */
function describeAnswers(operation: Operation): void {
  for (const [status, response] of Object.entries(operation.responses)) {
    if (response && 'description' in response) response.description ||= STATUS_CODES[status] ?? 'Answered';
  }
}

/** Swagger's factory of operation ids: `UserController`, `list` → `user.list`. */
export function operationName(controller: string, method: string): string {
  const name = controller.replace(/Controller$/, '');
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}.${method}`;
}

/** API keys open only what names a scope; a route may be open to keys alone. */
function securityOf(operation: Marked): Record<string, string[]>[] {
  const hasScope = operation[accessExtensions.scope] !== undefined;
  return hasScope ? [{ bearer: [] }, { apiKey: [] }] : [{ bearer: [] }];
}

function refuseDuplicates(ids: string[]): void {
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
  if (twice.length > 0) throw new Error(`operation ids must be unique, rename the methods of: ${twice.join(', ')}`);
}

/** Which problems an operation may answer besides its own. */
function problemsOf(path: string, method: (typeof methods)[number], operation: Marked, isPublic: boolean): string[] {
  const parameters = (operation.parameters ?? []) as Parameter[];
  const takesHeader = (name: string) =>
    parameters.some((parameter) => parameter.in === 'header' && parameter.name?.toLowerCase() === name);
  const takesInput = operation.requestBody !== undefined || parameters.length > 0;
  const possible: [string, boolean][] = [
    ['400', takesInput],
    ['401', !isPublic],
    ['403', !isPublic],
    ['404', path.includes('{')],
    ['409', takesHeader('idempotency-key')],
    ['412', takesHeader('if-match')],
    ['413', operation.requestBody !== undefined],
    ['415', operation.requestBody !== undefined],
    ['422', operation.requestBody !== undefined],
    ['429', method !== 'get' || operation[accessExtensions.rateLimit] !== undefined],
    ['503', true],
  ];
  return possible.filter(([, holds]) => holds).map(([status]) => status);
}

const organizationReference = { $ref: '#/components/parameters/OrganizationId' };
const sharedParameters = {
  OrganizationId: {
    name: 'X-Organization-Id',
    in: 'header',
    required: false,
    description: 'The organisation to act in: any for a SystemAdmin, one of the own for others. Default: the own one.',
    schema: { type: 'string', format: 'uuid' },
  },
};

const problems: Record<string, { name: string; description: string }> = {
  400: { name: 'InvalidRequest', description: 'Malformed: an unknown field, a wrong type, a value out of range.' },
  401: { name: 'Unauthenticated', description: 'No valid access token or API key.' },
  403: { name: 'Forbidden', description: 'Signed in, but not allowed.' },
  404: { name: 'NotFound', description: 'Does not exist, or belongs to another organisation.' },
  409: { name: 'Conflict', description: 'Contradicts the present state, or the same request is still under way.' },
  412: { name: 'PreconditionFailed', description: 'It has changed since the version that If-Match names.' },
  413: { name: 'PayloadTooLarge', description: 'The body is too large.' },
  415: { name: 'UnsupportedMediaType', description: 'The body is not of the expected media type.' },
  422: { name: 'Unprocessable', description: 'Well-formed but impossible.' },
  429: { name: 'TooManyRequests', description: 'Over the limit: try again after Retry-After.' },
  503: {
    name: 'Unavailable',
    description: 'Overloaded, shutting down or in maintenance: try again after Retry-After.',
  },
};

const retryAfter = {
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 0 } },
};
const problemResponses = Object.fromEntries(
  Object.entries(problems).map(([status, { name, description }]) => [
    name,
    {
      description,
      ...(['429', '503'].includes(status) && { headers: retryAfter }),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ]),
);

const text = (description: string, example: string) => ({ type: 'string', description, example });
const problemSchema = {
  type: 'object',
  description: 'RFC 9457, with a stable code, every error with its place, and the trace id of the log.',
  required: ['type', 'title', 'status', 'detail', 'code', 'errors', 'traceId'],
  properties: {
    type: text('A URN made of the code.', 'urn:carillon:problem:invalid_request'),
    title: text('The code in words.', 'Invalid request'),
    status: { type: 'integer', example: 400 },
    detail: text('A sentence a person can act on.', 'The request is malformed: see errors.'),
    code: text('Stable: decide by it.', 'invalid_request'),
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'message'],
        properties: {
          pointer: text('A JSON pointer into the body, or query/…, path/…, header/….', '/lines/0/count'),
          message: text('What is wrong.', 'must be an integer number'),
        },
      },
    },
    traceId: text('Also in the header X-Request-Id.', '4bf92f3577b34da6a3ce929d0e0e4736'),
  },
};
