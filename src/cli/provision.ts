import { loadMaintenanceConfig } from '../platform/config/index.js';
import { databaseRoles, provision, withDatabaseAddress } from '../platform/database/index.js';
import type { Command } from './command.js';

export const provisionCommand: Command = {
  summary: 'makes the database roles, once a server; needs a login that may create roles',
  async run() {
    await withDatabaseAddress(loadMaintenanceConfig(), provision);
    return { lines: [`roles ready: ${databaseRoles.join(', ')}`], data: { roles: databaseRoles } };
  },
};
