/** Every command of `carillon`, in the order in which the help shows them. */
import type { ProcessRoles } from '../platform/platform.module.js';
import type { Command } from './command.js';
import { migrateCommand } from './migrate.js';
import { openApiCommand } from './openapi.js';
import { provisionCommand } from './provision.js';

export const commands: Record<string, Command> = {
  start: { summary: 'API, worker and scheduler in one process', run: () => start({ api: true, worker: true }) },
  api: { summary: 'answers requests, runs no jobs', run: () => start({ api: true, worker: false }) },
  worker: { summary: 'runs jobs, answers no requests', run: () => start({ api: false, worker: true }) },
  provision: provisionCommand,
  migrate: migrateCommand,
  openapi: openApiCommand,
};

/** The application is loaded when it is wanted only: help and refusals come at once. */
async function start(roles: ProcessRoles): Promise<void> {
  const boot = await import('../boot.js');
  await boot.start(roles);
}
