#!/usr/bin/env node
import { start } from './boot.js';
import { migrate, migrateDown, provision } from './platform/database/index.js';
import { loadConfig } from './platform/config/index.js';

const commands: Record<string, (args: string[]) => Promise<void>> = {
  start: () => start({ api: true, worker: true }),
  api: () => start({ api: true, worker: false }),
  worker: () => start({ api: false, worker: true }),
  provision: async () => provision(externalAddress()),
  migrate: async (args) => {
    if (args[0] === '--down') await migrateDown(externalAddress(), Number(args[1] ?? 1));
    else console.log((await migrate(externalAddress())).join('\n') || 'nothing to migrate');
  },
};

function externalAddress() {
  const { address } = loadConfig().database;
  if (!address) throw new Error('DATABASE_URL (or PGHOST) is needed for this command');
  return address;
}

const [name = 'start', ...args] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  console.error(`There is no command "${name}". Commands: ${Object.keys(commands).join(', ')}`);
  process.exit(2);
}
await command(args);
