import { apiDocument } from '../../../src/api-document.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';

interface Operation {
  operationId: string;
  security: object[];
  responses: Record<string, { $ref?: string; description?: string }>;
}
interface ApiDocument {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { securitySchemes: object };
}

describe('the OpenAPI document', () => {
  let app: TestApp;
  let document: ApiDocument;
  beforeAll(async () => {
    app = await createTestApp();
    document = (await app.as('nobody').request('GET', '/openapi.json')).body;
  });
  afterAll(() => app.close());

  const operations = () =>
    Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, operation })),
    );

  it('is OpenAPI 3.1 and the same whether served or made without a database', async () => {
    expect(document.openapi).toBe('3.1.0');
    expect(JSON.parse(JSON.stringify(await apiDocument()))).toEqual(document);
  });

  it('has every route of the application, and no other', () => {
    const registered = app.routes
      .filter((route) => !/ \/(docs|openapi\.json)/.test(route))
      .map((route) => route.replaceAll(/:(\w+)/g, '{$1}'));
    expect(
      operations()
        .map(({ route }) => route)
        .sort(),
    ).toEqual(registered.sort());
  });

  it('names every operation once, says who may call it, and promises problems', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { route, operation } of operations()) {
      const statuses = Object.keys(operation.responses);
      expect([route, statuses.includes('503'), statuses.some((status) => status.startsWith('2'))]).toEqual([
        route,
        true,
        true,
      ]);
      expect([route, statuses.includes('401')]).toEqual([route, operation.security.length > 0]);
      expect([route, statuses.includes('404')]).toEqual([route, route.includes('{')]);
    }
  });

  it('refers to nothing that is not in it, and has no "nullable" of OpenAPI 3.0', () => {
    const text = JSON.stringify(document);
    expect(text).not.toContain('"nullable"');
    for (const [, reference] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = reference!
        .split('/')
        .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], document);
      expect([reference, typeof target]).toEqual([reference, 'object']);
    }
  });

  it('is shown at /docs without any inline script', async () => {
    const nobody = app.as('nobody');
    const page = await nobody.request('GET', '/docs');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    const scripts = [...(page.body as string).matchAll(/<script([^>]*)>([^]*?)<\/script>/g)];
    expect(scripts.length).toBeGreaterThan(0);
    for (const [, attributes, content] of scripts) {
      expect(content!.trim()).toBe('');
      const { pathname } = new URL(/src="([^"]+)"/.exec(attributes!)![1]!, `${app.url}/docs`);
      const script = await nobody.request('GET', pathname);
      expect([pathname, script.status, script.headers.get('content-type')]).toEqual([
        pathname,
        200,
        expect.stringContaining('javascript'),
      ]);
    }
    expect((await nobody.request('GET', '/docs/nothing')).body.code).toBe('not_found');
  });
});
