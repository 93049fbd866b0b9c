import { loadMaintenanceConfig } from '../platform/config/index.js';
import { UsageError } from './arguments.js';
import type { Command, Outcome } from './command.js';

export const migrateCommand: Command = {
  summary: 'brings the schema up to date; a second one at the same time waits',
  options: { down: { type: 'string' }, verify: { type: 'boolean' } },
  flags: {
    '--down N': 'takes the last N migrations back',
    '--verify': 'changes nothing; compares the schema with what the migrations promise, exit code 1 when it differs',
  },
  async run({ down, verify }) {
    if (down !== undefined && verify) throw new UsageError('carillon migrate: --down and --verify exclude each other.');
    if (down !== undefined && !/^[1-9]\d{0,4}$/.test(String(down)))
      throw new UsageError(`carillon migrate: --down needs a number from 1 on, not "${String(down)}".`);
    const config = loadMaintenanceConfig();
    const { migrate, migrateDown, verifySchema, withDatabaseAddress } = await import('../platform/database/index.js');
    return withDatabaseAddress(config, async (address) => {
      if (verify) return verified(await verifySchema(address));
      if (down !== undefined) return listed('reverted', await migrateDown(address, Number(down)));
      return listed('migrated', await migrate(address));
    });
  },
};

function listed(what: 'migrated' | 'reverted', names: string[]): Outcome {
  const lines = names.map((name) => `${what} ${name}`);
  return { lines: lines.length > 0 ? lines : [`nothing to be ${what}`], data: { [what]: names } };
}

function verified(differences: string[]): Outcome {
  const verdict = `the schema differs from what the migrations promise in ${differences.length} place(s)`;
  return {
    lines: differences.length > 0 ? [...differences, verdict] : ['the schema is what the migrations promise'],
    data: { ok: differences.length === 0, differences },
    failed: differences.length > 0,
  };
}
