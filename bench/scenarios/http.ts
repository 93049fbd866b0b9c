/** The API: what creating a job costs beside a route that does nothing. Reading is measured by `history`. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import autocannon from 'autocannon';
import { administrator } from '../administrator.js';
import { type Figure, median } from '../figure.js';
import type { FromHttp } from '../http-process.js';
import type { Scenario } from '../scenario.js';
import type { Workbench } from '../workbench.js';

export const httpScenario: Scenario = {
  name: 'http',
  async run(bench, { smoke }) {
    const scale = smoke ? { seconds: 1, rounds: 1 } : { seconds: 5, rounds: 3 };
    const server = await startServer(bench.db.url);
    try {
      const headers = await signIn(server.url);
      return await creation(bench, server.url, headers, scale);
    } finally {
      await server.stop();
      await bench.empty();
    }
  },
};

type Headers = Record<string, string>;

async function creation(
  bench: Workbench,
  url: string,
  headers: Headers,
  { seconds, rounds }: { seconds: number; rounds: number },
): Promise<Figure[]> {
  const body = JSON.stringify({
    jobType: 'dataset.export',
    payload: { datasetId: bench.organization.id },
    organizationId: bench.organization.id,
  });
  const rates = { bare: [] as number[], create: [] as number[] };
  // the bare route declares no body, so it gets none
  const { authorization } = headers as { authorization: string };
  const bare = { url: `${url}/api/bench/bare`, headers: { authorization } };
  const create = { url: `${url}/api/system/background-jobs`, headers, body };
  const load = async (request: { url: string; headers: Headers; body?: string }) => {
    const options = { ...request, method: 'POST', connections: 16, duration: seconds };
    const { requests, non2xx, errors } = await autocannon(options);
    if (non2xx + errors > 0)
      throw new Error(`${request.url}: ${non2xx} of ${requests.total} requests refused, ${errors} failed`);
    return requests.average;
  };
  for (const request of [bare, create]) await load(request); // warms both sides
  for (let i = 0; i < rounds; i++) {
    rates.bare.push(await load(bare));
    rates.create.push(await load(create));
  }
  return [
    { name: 'a guarded route that does nothing', value: median(rates.bare), unit: 'requests/s' },
    { name: 'POST /api/system/background-jobs', value: median(rates.create), unit: 'requests/s' },
    {
      name: 'POST /api/system/background-jobs : the bare route',
      value: median(rates.create) / median(rates.bare),
      unit: '×',
      goal: { atLeast: 0.5 },
    },
  ];
}

async function startServer(databaseUrl: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const child: ChildProcess = fork(path.join(import.meta.dirname, '..', 'http-process.js'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.send(databaseUrl);
  const started = new Promise<FromHttp>((resolve) => child.once('message', resolve));
  const failed = exited.then((): never => {
    throw new Error('the API process ended at its start');
  });
  const { url } = await Promise.race([started, failed]);
  return {
    url,
    async stop() {
      if (child.connected) child.send('stop');
      await exited;
    },
  };
}

async function signIn(url: string): Promise<Headers> {
  const answer = await fetch(`${url}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(administrator),
  });
  if (!answer.ok) throw new Error(`signing in answered ${answer.status}: ${await answer.text()}`);
  const { accessToken } = (await answer.json()) as { accessToken: string };
  return { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' };
}
