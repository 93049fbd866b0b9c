import { start } from './boot.js';

await start({ api: true, worker: true });
