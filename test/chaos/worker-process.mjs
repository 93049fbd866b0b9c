// One worker as a process of its own, from the built libraries: what the chaos tests stop, kill and bring back.
// node worker-process.mjs <database url> <lease in ms>
import pg from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { JobClient, JobEngine, Wakeups } from '../../dist/libs/job-engine/index.js';

const [connectionString, leaseMs] = process.argv.slice(2);
const options = { connectionString, options: '-c role=carillon_engine -c timezone=UTC' };
const pool = new pg.Pool({ ...options, max: 5 });
pool.on('error', () => undefined);
const say = (line) => process.stdout.write(`${line}\n`);
const log = { debug() {}, info: say, warn: say, error: (message, error) => say(`${message}: ${error?.message}`) };
const wakeups = new Wakeups({ pool, listen: () => new pg.Client(options), log });

const handlers = {
  /** Takes `ms` and does not look at its signal. */
  async work({ ms = 0 }) {
    await delay(ms);
    return process.pid;
  },
  /** Says when its signal fires, and goes on. */
  async watched({ ms }, ctx) {
    ctx.signal.addEventListener('abort', () => say(`signal ${ctx.signal.reason.kind} in run ${ctx.fencingToken}`));
    say(`began run ${ctx.fencingToken}`);
    await delay(ms);
    return process.pid;
  },
};
const engine = new JobEngine({
  pool,
  wakeups,
  client: new JobClient({ pool, wakeups }),
  handler: (type) => handlers[type] && { type, checkPayload: (raw) => Promise.resolve(raw), run: handlers[type] },
  name: `pid-${process.pid}`,
  concurrency: 10,
  queues: [],
  leaseMs: Number(leaseMs),
  pollMs: 100,
  graceMs: 300,
  log,
});
async function end() {
  await engine.stop();
  await wakeups.stop();
  await pool.end();
  process.exit(0);
}
process.once('SIGTERM', () => void end());
wakeups.start();
await engine.start();
say('ready');
