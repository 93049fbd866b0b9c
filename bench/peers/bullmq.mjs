/** BullMQ on a Redis server of its own that writes nothing to disk: fast, and not durable. Left out where there is no redis-server. */
import { spawn, spawnSync } from 'node:child_process';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import IORedis from 'ioredis';

export const redisVersion = () =>
  /v=(\S+)/.exec(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1];

export async function openBullmq() {
  const port = await freePort();
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    { stdio: 'ignore' },
  );
  const connection = new IORedis({ port, host: '127.0.0.1', maxRetriesPerRequest: null, retryStrategy: () => 50 });
  connection.on('error', () => undefined);
  for (let tries = 0; connection.status !== 'ready' && tries < 100; tries++) await delay(50);
  const connections = [connection];
  const another = () => {
    const duplicate = connection.duplicate();
    duplicate.on('error', () => undefined);
    connections.push(duplicate);
    return duplicate;
  };
  const queue = new Queue('noop', { connection, defaultJobOptions: { removeOnComplete: false } });
  await queue.waitUntilReady();
  return {
    name: 'BullMQ on Redis (not durable)',
    enqueue: () => queue.add('noop', { n: 1 }),
    enqueueMany: (count) => queue.addBulk(Array.from({ length: count }, () => ({ name: 'noop', data: { n: 1 } }))),
    analyze: async () => {},
    async work(handler) {
      const worker = new Worker('noop', handler, { connection: another(), concurrency: 100 });
      worker.on('error', () => undefined);
      await worker.waitUntilReady();
      return () => worker.close();
    },
    async unfinished() {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized');
      return Object.values(counts).reduce((sum, n) => sum + n, 0);
    },
    empty: () => connection.flushall(),
    async close() {
      await queue.close();
      for (const open of connections) open.disconnect();
      server.kill('SIGTERM');
    },
  };
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
