import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CarillonProcess,
  killAll,
  removeFolders,
  startCarillon,
  temporaryFolder,
  until,
  untilListening,
} from '../../support/carillon-process.js';
import { childrenOf, isAlive, processesWith, serverOf } from '../../support/process-table.js';

afterEach(killAll);
afterAll(removeFolders);

const start = async (DATA_DIR: string): Promise<CarillonProcess> => {
  const carillon = startCarillon(['start'], { env: { DATA_DIR } });
  await untilListening(carillon);
  return carillon;
};

/** It finds its schema again, serves, and ends cleanly. */
async function expectFineStart(DATA_DIR: string): Promise<void> {
  const carillon = await start(DATA_DIR);
  expect(carillon.stdout()).not.toContain('migration(s)');
  carillon.kill('SIGTERM');
  expect(await carillon.ended).toEqual({ code: 0, signal: null });
  expect(processesWith(path.join(DATA_DIR, 'postgres/data'))).toEqual([]);
}

describe('after kill -9', () => {
  it('of the application, its server is gone within seconds and the next start is fine', async () => {
    const DATA_DIR = temporaryFolder();
    const carillon = await start(DATA_DIR);
    const server = serverOf(path.join(DATA_DIR, 'postgres'));
    carillon.kill('SIGKILL');
    expect(await carillon.ended).toEqual({ code: null, signal: 'SIGKILL' });
    await until('the server has ended', () => !isAlive(server), 5_000);
    await expectFineStart(DATA_DIR);
  });

  it('of the application, a start at once waits for the old server and is fine', async () => {
    const DATA_DIR = temporaryFolder();
    const carillon = await start(DATA_DIR);
    carillon.kill('SIGKILL');
    await expectFineStart(DATA_DIR);
  });

  it('of the server, the application ends with code 1 and says why; the next start is fine', async () => {
    const DATA_DIR = temporaryFolder();
    const carillon = await start(DATA_DIR);
    process.kill(serverOf(path.join(DATA_DIR, 'postgres')), 'SIGKILL');
    expect(await carillon.ended).toEqual({ code: 1, signal: null });
    expect(carillon.stdout()).toContain('the embedded PostgreSQL ended (signal SIGKILL)');
    await expectFineStart(DATA_DIR);
  });

  it('of both at once, nothing goes on and the next start is fine', async () => {
    const DATA_DIR = temporaryFolder();
    const carillon = await start(DATA_DIR);
    const server = serverOf(path.join(DATA_DIR, 'postgres'));
    const backends = childrenOf(server);
    process.kill(server, 'SIGKILL');
    carillon.kill('SIGKILL');
    await carillon.ended;
    await until('server and backends have ended', () => ![server, ...backends].some(isAlive));
    await expectFineStart(DATA_DIR);
  });

  it('of the application and of the watcher over its server, the next start ends the orphan', async () => {
    const DATA_DIR = temporaryFolder();
    const carillon = await start(DATA_DIR);
    const server = serverOf(path.join(DATA_DIR, 'postgres'));
    const watcher = childrenOf(server).find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sh');
    process.kill(watcher!, 'SIGKILL');
    carillon.kill('SIGKILL');
    await carillon.ended;
    expect(isAlive(server)).toBe(true);
    const next = await start(DATA_DIR);
    expect(next.stdout()).toContain(`stopping the PostgreSQL that an earlier process left behind (${server})`);
    expect(isAlive(server)).toBe(false);
  });

  it('of one backend, the server recovers by itself and the application goes on', async () => {
    const carillon = await start(temporaryFolder());
    const url = await untilListening(carillon);
    const server = childrenOf(carillon.pid).find((pid) =>
      readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('postgres'),
    );
    const backend = childrenOf(server!).find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('127.0.0.1('),
    );
    process.kill(backend!, 'SIGKILL');
    await carillon.output(/connection lost/);
    const statuses: number[] = [];
    while (!statuses.includes(401) && statuses.length < 50) {
      const body = JSON.stringify({ email: `nobody${statuses.length}@example.org`, password: 'not the password' });
      const headers = { 'content-type': 'application/json' };
      const answer = fetch(`${url}/api/auth/login`, { method: 'POST', headers, body });
      statuses.push(
        await Promise.race([
          answer.then(
            ({ status }) => status,
            () => 0,
          ),
          carillon.ended.then(() => -1),
        ]),
      );
      await delay(100);
    }
    expect({ last: statuses.at(-1), stderr: carillon.stderr() }).toEqual({ last: 401, stderr: '' }); // read from the database, which answers again
    carillon.kill('SIGTERM');
    expect(await carillon.ended).toEqual({ code: 0, signal: null });
  });
});

it('starts where the pid file of a killed server names a stranger that has its number now', async () => {
  const DATA_DIR = temporaryFolder();
  const carillon = await start(DATA_DIR);
  const pidFile = path.join(DATA_DIR, 'postgres/data/postmaster.pid');
  process.kill(serverOf(path.join(DATA_DIR, 'postgres')), 'SIGKILL');
  await carillon.ended;
  const stranger = spawn('sleep', ['60']);
  writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(stranger.pid)));
  await expectFineStart(DATA_DIR);
  expect(isAlive(stranger.pid!)).toBe(true);
  stranger.kill();
});
