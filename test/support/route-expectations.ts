/**
 * Who may call what, written from docs (api.md) and not from the code: test/integration/access/route-walk.spec.ts calls every
 * registered route as everybody and compares. A route without a row here fails that test, and so does a row without a route:
 * whoever adds a route adds its row.
 */
import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Role, Scope } from '../../src/platform/http/index.js';
import type { TestApp } from './test-app.js';

export interface Expectation {
  /** The least role, `public`, or `none` where only API keys may call. */
  least: Role | 'public' | 'none';
  /** API keys with this scope may call too. */
  scope?: Scope;
  /** A body that passes validation, so that a route with an id answers 404 for an unknown one. */
  body?: object;
  /** Gives the path of something that belongs to organisation A; those of B must get 404 for it. */
  pathInA?: (app: TestApp) => Promise<string>;
  /** Changes the session it is called with: called last. */
  last?: true;
  /** Another answer than 404 for an unknown id, with the reason in a comment. */
  unknownId?: number;
}

/** One row for each face of an AdminController. */
function bothFaces(route: string, more: Omit<Expectation, 'least'> = {}): [string, Expectation][] {
  const [method, path] = route.split(' ') as [string, string];
  const inOrganization =
    more.pathInA && (async (app: TestApp) => (await more.pathInA!(app)).replace('/system/', '/organization/'));
  return [
    [`${method} /api/system/${path}`, { ...more, least: 'SystemAdmin' }],
    [`${method} /api/organization/${path}`, { ...more, least: 'OrgAdmin', pathInA: inOrganization }],
  ];
}

const userInA = async (app: TestApp) => `/api/system/users/${app.users.Member}`;
const keyInA = async (app: TestApp) => {
  const body = { name: 'walk', scopes: ['jobs:read'] };
  const { body: key } = await app.as('OrgAdmin').request('POST', '/api/organization/api-keys', { body });
  return `/api/system/api-keys/${key.id}`;
};

/** A queued job that Member of A asked for; `place` makes its path. */
const jobInA = (place: (id: string) => string) => async (app: TestApp) => {
  const id = uuidv7();
  await app.db.owner.query(
    `insert into background_jobs (id, organization_id, queue, job_type, created_by) values ($1, $2, 'default', 'walk', $3)`,
    [id, app.organizations.A, app.users.Member],
  );
  return place(id);
};
/** A published dataset of A; `place` makes its path. */
const datasetInA = (place: (id: string) => string) => async (app: TestApp) => {
  const id = uuidv7();
  await app.db.owner.query(
    `insert into datasets (id, organization_id, upload_id, run, name, file_name, bytes, sha256, published_at)
     values ($1, $2, $1, 1, 'walk', 'walk.csv', 0, $3, now())`,
    [id, app.organizations.A, createHash('sha256').update(id).digest('hex')],
  );
  return place(id);
};
/** A batch of A with nothing in it. */
const batchInA = async (app: TestApp) => {
  const id = uuidv7();
  await app.db.owner.query(`insert into job_batches (id, organization_id) values ($1, $2)`, [id, app.organizations.A]);
  return `/api/system/background-jobs/batches/${id}`;
};
const backgroundJobInA = (rest = '') => jobInA((id) => `/api/system/background-jobs/${id}${rest}`);

export const routeExpectations: ReadonlyMap<string, Expectation> = new Map<string, Expectation>([
  // probes and the document
  ['GET /livez', { least: 'public' }],
  ['GET /readyz', { least: 'public' }],
  ['GET /openapi.json', { least: 'public' }],
  ['GET /docs', { least: 'public' }],
  ['GET /docs/', { least: 'public' }],
  ['GET /docs/*', { least: 'public' }],
  ['GET /docs/index.html', { least: 'public' }],
  ['GET /docs/LICENSE', { least: 'public' }],
  ['GET /docs/swagger-ui-init.js', { least: 'public' }],
  ['GET /docs/docs/swagger-ui-init.js', { least: 'public' }],

  // auth
  ['POST /api/auth/login', { least: 'public' }],
  ['POST /api/auth/refresh', { least: 'public' }],
  ['POST /api/auth/logout', { least: 'Member', last: true }],
  ['POST /api/auth/password', { least: 'Member' }],
  ['GET /api/auth/me', { least: 'Member' }],

  // organisations, people, keys, audit
  ['GET /api/system/organizations', { least: 'SystemAdmin' }],
  ['POST /api/system/organizations', { least: 'SystemAdmin' }],
  ['GET /api/system/organizations/:organizationId', { least: 'SystemAdmin' }],
  ['PATCH /api/system/organizations/:organizationId', { least: 'SystemAdmin', body: { name: 'X' } }],
  ...bothFaces('GET users'),
  ...bothFaces('POST users'),
  ...bothFaces('GET users/:userId', { pathInA: userInA }),
  ...bothFaces('PATCH users/:userId', { body: { name: 'X' }, pathInA: userInA }),
  ...bothFaces('DELETE users/:userId', { pathInA: userInA }),
  ...bothFaces('POST users/:userId/reset-password', {
    body: {},
    pathInA: async (app) => `${await userInA(app)}/reset-password`,
  }),
  ...bothFaces('GET api-keys'),
  ...bothFaces('POST api-keys'),
  ...bothFaces('GET api-keys/:keyId', { pathInA: keyInA }),
  ...bothFaces('DELETE api-keys/:keyId', { pathInA: keyInA }),
  ...bothFaces('GET audit'),

  // notifications
  ...bothFaces('GET notification-settings'),
  ...bothFaces('PUT notification-settings'),
  ...bothFaces('POST notification-settings/test-email'),
  ...bothFaces('POST notification-settings/test-sms'),
  ...bothFaces('POST notification-settings/test-slack'),
  ...bothFaces('POST notification-settings/test/:channel'),
  ...bothFaces('GET mailbox'),

  // jobs
  ...bothFaces('GET background-jobs'),
  ...bothFaces('POST background-jobs', { scope: 'jobs:create' }),
  ...bothFaces('POST background-jobs/bulk', { scope: 'jobs:create' }),
  ...bothFaces('POST background-jobs/bulk-actions'),
  ...bothFaces('GET background-jobs/batches'),
  ...bothFaces('POST background-jobs/batches', { scope: 'jobs:create' }),
  ...bothFaces('GET background-jobs/batches/:batchId', { pathInA: batchInA }),
  ...bothFaces('GET background-jobs/statistics'),
  ...bothFaces('GET background-jobs/export.csv'),
  ...bothFaces('GET background-jobs/:jobId', { pathInA: backgroundJobInA() }),
  ...bothFaces('GET background-jobs/:jobId/explain', { pathInA: backgroundJobInA('/explain') }),
  ...bothFaces('GET background-jobs/:jobId/log', { pathInA: backgroundJobInA('/log') }),
  ...bothFaces('POST background-jobs/:jobId/cancel', { body: {}, pathInA: backgroundJobInA('/cancel') }),
  ...bothFaces('POST background-jobs/:jobId/retry', { body: {}, pathInA: backgroundJobInA('/retry') }),
  ['GET /api/v2/jobs/active', { least: 'Member', scope: 'jobs:read' }],
  ['GET /api/v2/jobs/:id', { least: 'Member', scope: 'jobs:read', pathInA: jobInA((id) => `/api/v2/jobs/${id}`) }],
  ['POST /api/v2/jobs', { least: 'SystemAdmin', scope: 'jobs:create' }],
  ['GET /job-logs', { least: 'OrgAdmin' }],
  ['GET /job-logs/active', { least: 'OrgAdmin' }],
  ['GET /job-logs/statistics', { least: 'OrgAdmin' }],
  ['GET /job-logs/:id', { least: 'OrgAdmin', pathInA: jobInA((id) => `/job-logs/${id}`) }],

  // what withholds jobs
  ['GET /api/system/queues', { least: 'SystemAdmin' }],
  ['GET /api/system/queues/:name', { least: 'SystemAdmin' }],
  ['PUT /api/system/queues/:name', { least: 'SystemAdmin', body: {} }],
  ['POST /api/system/queues/:name/pause', { least: 'SystemAdmin', body: { reason: 'walk' } }],
  ['POST /api/system/queues/:name/resume', { least: 'SystemAdmin', body: {} }],
  ['GET /api/system/queues/:name/shares', { least: 'SystemAdmin' }],
  ['PUT /api/system/queues/:name/shares/:organizationId', { least: 'SystemAdmin', body: {} }],
  ['DELETE /api/system/queues/:name/shares/:organizationId', { least: 'SystemAdmin' }],
  ['GET /api/system/job-types', { least: 'SystemAdmin' }],
  ['GET /api/system/job-types/:type', { least: 'SystemAdmin' }],
  ['PUT /api/system/job-types/:type', { least: 'SystemAdmin', body: {} }],
  ['POST /api/system/job-types/:type/pause', { least: 'SystemAdmin', body: { reason: 'walk' } }],
  ['POST /api/system/job-types/:type/resume', { least: 'SystemAdmin', body: {} }],
  ['GET /api/system/organizations/:organizationId/job-controls', { least: 'SystemAdmin' }],
  ['PUT /api/system/organizations/:organizationId/job-controls', { least: 'SystemAdmin', body: {} }],
  [
    'POST /api/system/organizations/:organizationId/job-controls/pause',
    { least: 'SystemAdmin', body: { reason: 'walk' } },
  ],
  ['POST /api/system/organizations/:organizationId/job-controls/resume', { least: 'SystemAdmin', body: {} }],
  ['GET /api/organization/job-controls', { least: 'OrgAdmin' }],
  ['POST /api/organization/job-controls/pause', { least: 'OrgAdmin', body: {} }],
  ['POST /api/organization/job-controls/resume', { least: 'OrgAdmin', body: {} }],

  // imports and datasets
  ['POST /api/v2/imports', { least: 'Member', scope: 'imports:create' }],
  ['GET /api/v2/datasets', { least: 'Member', scope: 'datasets:read' }],
  [
    'GET /api/v2/datasets/:id',
    { least: 'Member', scope: 'datasets:read', pathInA: datasetInA((id) => `/api/v2/datasets/${id}`) },
  ],
  [
    'GET /api/v2/datasets/:id/rows',
    { least: 'Member', scope: 'datasets:read', pathInA: datasetInA((id) => `/api/v2/datasets/${id}/rows`) },
  ],
  [
    'POST /api/v2/datasets/:id/export',
    { least: 'Member', scope: 'datasets:read', pathInA: datasetInA((id) => `/api/v2/datasets/${id}/export`) },
  ],
  [
    'GET /api/v2/datasets/:id/exports/:jobId',
    { least: 'Member', scope: 'datasets:read', pathInA: datasetInA((id) => `/api/v2/datasets/${id}/exports/${id}`) },
  ],
]);
