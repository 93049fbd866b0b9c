// One worker as a process of its own, from the built product: what the chaos tests stop, kill and bring back.
// node worker-process.mjs '{"url": …, "leaseMs": …, "pollMs": …}'; SIGUSR2 lets the jobs that are held go, SIGTERM ends it.
import pg from 'pg';
import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { InvalidPayload, JobClient, JobEngine, Wakeups } from '../../dist/libs/job-engine/index.js';
import { connectionOptions, openPool } from '../../dist/src/platform/database/index.js';

const { url, leaseMs, pollMs, concurrency, tells } = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${line}\n`);
const pool = openPool({ url }, 'carillon_engine', 6, (error) => say(`connection lost: ${error.message}`));
const log = { debug() {}, info: say, warn: say, error: (message, error) => say(`${message}: ${error?.message}`) };
const listen = () => new pg.Client(connectionOptions({ url }, 'carillon_engine'));
const wakeups = new Wakeups({ pool, listen, log, checkMs: 2_000 });
const told = new EventEmitter();
process.on('SIGUSR2', () => told.emit('go'));

const handlers = {
  /** Takes `ms` and does not look at its signal. */
  async work({ ms = 0 }) {
    if (ms > 0) await delay(ms);
    return process.pid;
  },
  /** Goes on until it is told to end, and says when its signal fires. */
  async held(_payload, ctx) {
    ctx.signal.addEventListener('abort', () => say(`signal ${ctx.signal.reason.kind} in run ${ctx.fencingToken}`));
    say(`began run ${ctx.fencingToken}`);
    await once(told, 'go');
    return process.pid;
  },
  /** Ends the moment after its process was frozen and continued: nothing could renew the lease before its result is sent. */
  async freezes(_payload, ctx) {
    if (ctx.fencingToken === '1') {
      say('freezing');
      await delay(50); // the line above is out
      process.kill(process.pid, 'SIGSTOP');
    }
    return process.pid;
  },
  async crashes() {
    process.kill(process.pid, 'SIGKILL');
    await delay(60_000);
  },
  async strict() {
    return process.pid;
  },
  async throwsUndefined() {
    throw undefined; // oxlint-disable-line no-throw-literal, typescript/only-throw-error
  },
  async throwsMebibyte() {
    throw new Error('x'.repeat(1_048_576));
  },
  async failsOnce(_payload, ctx) {
    if (ctx.attempt === 1) throw new Error('not yet');
    return process.pid;
  },
  /** Runs until it is told to end, fails, and succeeds the next time. */
  async failsWhenTold(_payload, ctx) {
    if (ctx.attempt > 1) return process.pid;
    say('about to fail');
    await once(told, 'go');
    throw new Error('as told');
  },
  /** Leaves a row at its start and fills it at its end, so that overlaps are seen. */
  async exclusive({ ms = 0 }, ctx) {
    const text = `insert into takes (job, process) values ($1, $2) returning id`;
    const { rows } = await pool.query(text, [ctx.jobId, process.pid]);
    await delay(ms);
    await pool.query(`update takes set ended_at = clock_timestamp() where id = $1`, [rows[0].id]);
    return process.pid;
  },
  async logs({ lines }, ctx) {
    for (let line = 1; line <= lines; line++) ctx.log('info', `line ${line}`);
    return process.pid;
  },
};
const checks = {
  async strict(raw) {
    if (raw.bad) throw new InvalidPayload([{ pointer: '/bad', message: 'must not be' }]);
    return raw;
  },
};
/** Writes a row of `told` in the transaction that finishes a job: an effect that must be there exactly once. */
const hook = {
  rowFor: (run) => run.jobId,
  insert: (tx, ids) => tx.query(`insert into told (job, process) select unnest($1::uuid[]), $2`, [ids, process.pid]),
};
const engine = new JobEngine({
  pool,
  wakeups,
  client: new JobClient({ pool, wakeups }),
  handler: (type) =>
    handlers[type] && { type, checkPayload: checks[type] ?? ((raw) => Promise.resolve(raw)), run: handlers[type] },
  name: `pid-${process.pid}`,
  concurrency,
  queues: [],
  leaseMs,
  pollMs,
  graceMs: 300,
  hooks: tells ? [hook] : [],
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
say(`clock ${Date.now()}`);
say('ready');
