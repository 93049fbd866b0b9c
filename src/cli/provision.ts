import { loadMaintenanceConfig } from '../platform/config/index.js';
import type { Command } from './command.js';

export const provisionCommand: Command = {
  summary: 'makes the database roles, once a server; needs a login that may create roles',
  async run() {
    const config = loadMaintenanceConfig();
    const { databaseRoles, provision, withDatabaseAddress } = await import('../platform/database/index.js');
    await withDatabaseAddress(config, provision);
    return { lines: [`roles ready: ${databaseRoles.join(', ')}`], data: { roles: databaseRoles } };
  },
};
