/** A signed-in caller of a running Carillon, with nothing but fetch: what the README does with curl. Every answer is held to the OpenAPI document. */
import { expectPromised } from './openapi-contract.js';

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies by expectations, not by types
type Body = any;

export interface HttpSession {
  get(path: string): Promise<Body>;
  post(path: string, body?: unknown): Promise<{ status: number; headers: Headers; body: Body }>;
  put(path: string, body: unknown): Promise<{ status: number; headers: Headers; body: Body }>;
  /** Uploads a file to POST /api/v2/imports and answers its job. */
  upload(fileName: string, content: Blob): Promise<Body>;
}

export async function signIn(url: string, email: string, password: string): Promise<HttpSession> {
  const login = await send(`${url}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  });
  if (login.status !== 200) throw new Error(`could not sign in: ${login.status} ${JSON.stringify(login.body)}`);
  const authorization = `Bearer ${login.body.accessToken}`;
  return {
    async get(path) {
      const { status, body } = await send(url + path, { headers: { authorization } });
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
      return body;
    },
    post: (path, body) => sendJson('POST', url + path, authorization, body),
    put: (path, body) => sendJson('PUT', url + path, authorization, body),
    async upload(fileName, content) {
      const form = new FormData();
      form.append('file', content, fileName);
      const { status, body } = await send(`${url}/api/v2/imports`, {
        method: 'POST',
        headers: { authorization },
        body: form,
      });
      if (status !== 202) throw new Error(`upload: ${status} ${JSON.stringify(body)}`);
      return body.job;
    },
  };
}

const sendJson = (method: string, url: string, authorization: string, body: unknown) =>
  send(url, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
  });

async function send(url: string, init: RequestInit): Promise<{ status: number; headers: Headers; body: Body }> {
  const response = await fetch(url, init);
  const text = await response.text();
  const body = text === '' ? null : JSON.parse(text);
  expectPromised(init.method ?? 'GET', url, response.status, body);
  return { status: response.status, headers: response.headers, body };
}
