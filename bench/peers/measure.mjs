/** The same work for all of them: no-op jobs with a payload of one number. */
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../dist/bench/figure.js';

export const figures = {
  single: { name: 'one by one, 16 callers', unit: 'jobs/s' },
  bulk: { name: 'in bulk of 1,000', unit: 'jobs/s' },
  drain: { name: 'drain', unit: 'jobs/s' },
  p50: { name: 'idle latency p50', unit: 'ms' },
  p99: { name: 'idle latency p99', unit: 'ms' },
};

export async function measure(peer, scale) {
  const { single, bulk, drain, latency } = scale;
  const result = {
    single: await oneByOne(peer, single),
    bulk: await inBulk(peer, bulk),
    drain: await drainAll(peer, drain),
  };
  return peer.noLatency ? result : { ...result, ...(await idleLatency(peer, latency)) };
}

async function oneByOne(peer, count) {
  await peer.enqueue();
  let left = count;
  const caller = async () => {
    while (left-- > 0) await peer.enqueue();
  };
  const seconds = await timed(() => Promise.all(Array.from({ length: 16 }, caller)));
  await peer.empty();
  return count / seconds;
}

async function inBulk(peer, batches) {
  await peer.enqueueMany(1);
  const seconds = await timed(async () => {
    for (let i = 0; i < batches; i++) await peer.enqueueMany(1_000);
  });
  await peer.empty();
  return (batches * 1_000) / seconds;
}

/** From the start of the worker until the store holds no unfinished job. */
async function drainAll(peer, count) {
  for (let left = count; left > 0; left -= 1_000) await peer.enqueueMany(Math.min(left, 1_000));
  await peer.analyze();
  let ran = 0;
  let stop;
  const seconds = await timed(async () => {
    stop = await peer.work(async () => {
      ran++;
    });
    await until(() => ran >= count, `${count} jobs run`);
    while ((await peer.unfinished()) > 0) await delay(2);
  });
  await stop();
  await peer.empty();
  return count / seconds;
}

/** From the call of enqueue to the first line of the handler. */
async function idleLatency(peer, count) {
  let started = () => {};
  const stop = await peer.work(async () => started(performance.now()));
  await delay(300);
  const took = [];
  for (let i = -20; i < count; i++) {
    const running = new Promise((resolve) => {
      started = resolve;
    });
    const asked = performance.now();
    await peer.enqueue();
    const ms = (await running) - asked;
    if (i >= 0) took.push(ms); // the first few warm up
    await delay(4);
  }
  await stop();
  await peer.empty();
  took.sort((a, b) => a - b);
  return {
    p50: took[Math.floor(took.length / 2)],
    p99: took[Math.min(took.length - 1, Math.floor(took.length * 0.99))],
  };
}

async function timed(work) {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}
