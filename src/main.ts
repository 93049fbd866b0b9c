/** The entry of `nest start --watch`; everything else starts by cli.ts. */
import { start } from './boot.js';

/** The watcher, told to end, leaves its child behind: a child that has lost its parent ends by itself. */
const watcher = process.ppid;
setInterval(() => {
  if (process.ppid !== watcher) process.kill(process.pid, 'SIGTERM');
}, 500).unref();

await start({ api: true, worker: true });
