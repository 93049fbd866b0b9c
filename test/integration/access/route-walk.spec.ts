import { v7 as uuidv7 } from 'uuid';
import { type Role, roles, scopes } from '../../../src/platform/http/index.js';
import { type Expectation, routeExpectations } from '../../support/route-expectations.js';
import { type Caller, createTestApp, type TestApp } from '../../support/test-app.js';

const leastFirst: readonly Role[] = roles.toReversed();

/** Every route, called as everybody: who is refused, and with what. */
describe('the walk through all routes', () => {
  let app: TestApp;
  let walk: { method: string; path: string; route: string; expected: Expectation }[];

  beforeAll(async () => {
    app = await createTestApp();
    walk = app.routes
      .filter((route) => routeExpectations.has(route))
      .map((route) => {
        const [method, pattern] = route.split(' ') as [string, string];
        const path = pattern.replaceAll(/:\w+/g, () => uuidv7()).replace('*', 'anything');
        return { method, path, route, expected: routeExpectations.get(route)! };
      })
      .sort((a, b) => Number(a.expected.last ?? false) - Number(b.expected.last ?? false));
  });
  afterAll(() => app.close());

  const guarded = () => walk.filter(({ expected }) => expected.least !== 'public');
  const call = (caller: Caller, { method, path, expected }: (typeof walk)[number], headers = {}) =>
    caller.request(method, path, { headers, ...(method !== 'GET' && { body: expected.body ?? {} }) });
  /** Answers the routes that answered otherwise than `allowed`, with what they answered. */
  const exceptions = async (
    caller: Caller,
    part: typeof walk,
    allowed: (status: number) => boolean,
    headers: Record<string, string> = {},
  ) => {
    const odd: string[] = [];
    for (const step of part) {
      const { status, body } = await call(caller, step, headers);
      if (!allowed(status)) odd.push(`${step.route}: ${status} ${JSON.stringify(body).slice(0, 200)}`);
    }
    return odd;
  };
  const passes = (status: number) => status !== 401 && status !== 403 && status < 500;

  it('has an expectation for each route, and a route for each expectation', () => {
    expect([...app.routes].sort()).toEqual([...routeExpectations.keys()].sort());
  });

  it('lets nobody in without signing in, and anybody where it is public', async () => {
    expect(await exceptions(app.as('nobody'), guarded(), (status) => status === 401)).toEqual([]);
    const open = walk.filter(({ expected }) => expected.least === 'public');
    // a login without a body is malformed, not forbidden
    expect(await exceptions(app.as('nobody'), open, passes)).toEqual([]);
  });

  it('answers 404 for an id that does not exist', async () => {
    const odd: string[] = [];
    const withIds = guarded().filter(
      ({ route, method, expected }) => /:\w/.test(route) && (expected.body || /GET|DELETE/.test(method)),
    );
    for (const step of withIds.filter(({ expected }) => expected.least !== 'none')) {
      const { status } = await call(app.as('SystemAdmin'), step);
      if (status !== (step.expected.unknownId ?? 404)) odd.push(`${step.route}: ${status}`);
    }
    expect(odd).toEqual([]);
  });

  it('answers 404 to another organisation for what belongs to the first', async () => {
    const odd: string[] = [];
    const inB = { 'x-organization-id': app.organizations.B };
    for (const { method, route, expected } of walk.filter((step) => step.expected.pathInA)) {
      const path = await expected.pathInA!(app);
      const body = method === 'GET' ? undefined : (expected.body ?? {});
      const stranger = await app.as('OtherOrgAdmin').request(method, path, { body });
      const allowed = expected.least === 'SystemAdmin' ? 403 : 404;
      if (stranger.status !== allowed) odd.push(`${route} as OtherOrgAdmin: ${stranger.status}`);
      const elsewhere = await app.as('SystemAdmin').request(method, path, { body, headers: inB });
      if (elsewhere.status !== 404) odd.push(`${route} as SystemAdmin in B: ${elsewhere.status}`);
    }
    expect(odd).toEqual([]);
  });

  it('answers 404 to whoever names an organisation that is not theirs', async () => {
    const inB = { 'x-organization-id': app.organizations.B };
    const nowhere = { 'x-organization-id': uuidv7() };
    const part = guarded();
    expect(await exceptions(app.as('OrgAdmin'), part, (status) => status === 404, inB)).toEqual([]);
    expect(await exceptions(app.as('SystemAdmin'), part, (status) => status === 404, nowhere)).toEqual([]);
  });

  const withKey = async (granted: readonly string[]) => {
    const body = { name: 'walk', scopes: granted };
    const { body: made } = await app.as('OrgAdmin').request('POST', '/api/organization/api-keys', { body });
    return app.withHeaders({ authorization: `Bearer ${made.key}` });
  };

  it('refuses an API key, whatever its scopes, where the route asks for none', async () => {
    const part = guarded().filter(({ expected }) => !expected.scope);
    expect(await exceptions(await withKey(scopes), part, (status) => status === 403)).toEqual([]);
  });

  it.each(scopes)('asks an API key for the scope %s', async (scope) => {
    const part = guarded().filter(({ expected }) => expected.scope === scope);
    const others = scopes.filter((each) => each !== scope);
    expect(await exceptions(await withKey(others), part, (status) => status === 403)).toEqual([]);
    expect(await exceptions(await withKey([scope]), part, passes)).toEqual([]);
  });

  // last, for it also calls what ends the callers' sessions
  it.each(leastFirst)('lets a %s do what the role may, and answers 403 to everything else', async (role) => {
    const isEnough = ({ expected: { least } }: (typeof walk)[number]) =>
      least !== 'none' && leastFirst.indexOf(least as Role) <= leastFirst.indexOf(role);
    const beyond = guarded().filter((step) => !isEnough(step));
    expect(await exceptions(app.as(role), beyond, (status) => status === 403)).toEqual([]);
    expect(await exceptions(app.as(role), guarded().filter(isEnough), passes)).toEqual([]);
  });
});
