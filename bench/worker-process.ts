/** A worker process of the benchmark: connects, waits for its start, tells how many results it has written. */
import { openPool } from '../src/platform/database/index.js';
import { buildEngine } from './workbench.js';
import type { FromWorker, ToWorker } from './worker-processes.js';

const tell = (message: FromWorker) => process.send?.(message);
let run: (message: 'go' | 'stop') => Promise<void>;

process.on('message', (message: ToWorker) => {
  if (message === 'go' || message === 'stop') void run(message);
  else void connect(message.url);
});

async function connect(url: string): Promise<void> {
  const pool = openPool({ url }, 'carillon_engine', 6, () => undefined);
  await Promise.all(Array.from({ length: 4 }, () => pool.query('select 1')));
  const { engine, start, stop } = buildEngine(url, { pool }, { noop: async () => undefined });
  let told = 0;
  const timer = setInterval(() => {
    const { accepted } = engine.worker.counters;
    if (accepted !== told) tell({ accepted: (told = accepted) });
  }, 5);
  run = async (message) => {
    if (message === 'go') return start();
    clearInterval(timer);
    await stop();
    await pool.end();
    process.disconnect();
  };
  tell('ready');
}
