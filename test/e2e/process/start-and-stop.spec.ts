import { readdirSync, readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {
  killAll,
  removeFolders,
  startCarillon,
  temporaryFolder,
  until,
  untilListening,
} from '../../support/carillon-process.js';
import { childrenOf, isAlive, processesShowing, processesWith, serverOf } from '../../support/process-table.js';

afterEach(killAll);
afterAll(removeFolders);

describe('npm start with the embedded database', () => {
  it('answers, and ends cleanly with code 0 when it is told to, leaving no process and keeping its data', async () => {
    const DATA_DIR = temporaryFolder();
    const first = startCarillon(['start'], { env: { DATA_DIR } });
    const url = await untilListening(first);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect(first.stdout()).toContain('ran ');
    const server = serverOf(path.join(DATA_DIR, 'postgres'));

    first.kill('SIGTERM');
    expect(await first.ended).toEqual({ code: 0, signal: null });
    expect(isAlive(server)).toBe(false);
    expect(first.stderr()).toBe('');

    const second = startCarillon(['start'], { env: { DATA_DIR } });
    await untilListening(second);
    expect(second.stdout()).not.toContain('ran '); // the migrations of the first are still there
    second.kill('SIGINT');
    expect(await second.ended).toEqual({ code: 0, signal: null });
  });

  it('is ready within five seconds on a folder that it has used before', async () => {
    const DATA_DIR = temporaryFolder();
    const milliseconds: number[] = [];
    for (const _ of ['cold', 'warm', 'again, for a machine that does other work meanwhile', 'and again']) {
      if (milliseconds.slice(1).some((ms) => ms < 5_000)) break;
      const since = performance.now();
      const carillon = startCarillon(['start'], { env: { DATA_DIR } });
      await untilListening(carillon);
      milliseconds.push(performance.now() - since);
      carillon.kill('SIGTERM');
      await carillon.ended;
    }
    expect(Math.min(...milliseconds.slice(1))).toBeLessThan(5_000);
  });

  it('ends with code 0 when it is told to in the middle of its start, and the next start is fine', async () => {
    const DATA_DIR = temporaryFolder();
    for (const moment of [/using the embedded/, /Starting Nest/, /dependencies initialized|ran \d+/]) {
      const carillon = startCarillon(['start'], { env: { DATA_DIR, LOG_LEVEL: 'trace' } });
      await carillon.output(moment);
      carillon.kill('SIGTERM');
      expect(await carillon.ended).toEqual({ code: 0, signal: null });
      await until('the server has ended', () => processesWith(path.join(DATA_DIR, 'postgres/data')).length === 0);
    }
  });

  it('refuses a second start on the same folder with one line, and leaves the first alone', async () => {
    const DATA_DIR = temporaryFolder();
    const first = startCarillon(['start'], { env: { DATA_DIR } });
    const url = await untilListening(first);
    const second = startCarillon(['start'], { env: { DATA_DIR } });
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.stderr().trimEnd().split('\n')).toEqual([
      `The database folder ${DATA_DIR}/postgres is in use by process ${first.pid}. Stop it, or start this one with another DATA_DIR.`,
    ]);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it('lets one of several starts at the very same time through', async () => {
    const DATA_DIR = temporaryFolder();
    const all = [1, 2, 3].map(() => startCarillon(['start'], { env: { DATA_DIR } }));
    const outcomes = await Promise.all(
      all.map((one) => Promise.race([untilListening(one).catch(() => 'refused'), one.ended.then(() => 'refused')])),
    );
    expect(outcomes.filter((outcome) => outcome !== 'refused')).toHaveLength(1);
    for (const one of all.filter((_, i) => outcomes[i] === 'refused')) {
      expect((await one.ended).code).toBe(1);
      expect(one.stderr()).toMatch(/^The database folder .* is in use by process \d+\..*\n$/);
    }
  });

  it('says in a sentence that the port is taken', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const PORT = String((taken.address() as net.AddressInfo).port);
    const DATA_DIR = temporaryFolder();
    const carillon = startCarillon(['start'], { env: { DATA_DIR, PORT } });
    expect(await carillon.ended).toEqual({ code: 1, signal: null });
    taken.close();
    expect(carillon.stderr()).toMatch(/^The address to listen on is taken \(.*\)\. Set PORT .*\n$/);
    expect(processesWith(path.join(DATA_DIR, 'postgres/data'))).toEqual([]);
  });

  it('ends with code 0 under npm, which passes the signal on, and leaves no process', async () => {
    const DATA_DIR = temporaryFolder();
    const npm = startCarillon([], { program: ['npm', 'start', '--silent'], env: { DATA_DIR } });
    await untilListening(npm);
    const family = childrenOf(npm.pid).flatMap((child) => [child, ...childrenOf(child)]);
    expect(family.length).toBeGreaterThan(0);
    npm.kill('SIGTERM');
    expect(await npm.ended).toEqual({ code: 0, signal: null });
    await until('all of its children have ended', () => !family.some(isAlive));
    expect(processesWith(path.join(DATA_DIR, 'postgres/data'))).toEqual([]);
  });

  it('ends cleanly on Ctrl-C, which reaches it twice under npm', async () => {
    const carillon = startCarillon(['start'], { env: { DATA_DIR: temporaryFolder() } });
    await untilListening(carillon);
    carillon.kill('SIGINT');
    carillon.kill('SIGINT');
    expect(await carillon.ended).toEqual({ code: 0, signal: null });
  });

  it('shows the password of its database in no list of processes and no log', async () => {
    const DATA_DIR = temporaryFolder();
    const carillon = startCarillon(['start'], { env: { DATA_DIR, LOG_LEVEL: 'trace' } });
    await untilListening(carillon);
    const password = readFileSync(path.join(DATA_DIR, 'postgres/password'), 'utf8').trim();
    expect(password).toMatch(/^[0-9a-f]{48}$/);
    expect(processesShowing(password)).toEqual([]);
    expect(statSync(path.join(DATA_DIR, 'postgres/password')).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(DATA_DIR, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(path.join(DATA_DIR, 'postgres')).sort()).toEqual(['data', 'owner.lock', 'password']);
    carillon.kill('SIGTERM');
    await carillon.ended;
    expect(carillon.stdout() + carillon.stderr()).not.toContain(password);
  });
});
