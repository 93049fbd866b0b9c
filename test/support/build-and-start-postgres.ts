/** Jest's global setup of the end-to-end ring: its processes run from dist/, so that is built first. */
import './resolve-typescript.cjs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import startPostgres from './start-postgres.js';

export default async function buildAndStartPostgres(): Promise<void> {
  execFileSync(process.execPath, [path.join(__dirname, '../../scripts/build-if-stale.mjs')], { stdio: 'inherit' });
  await startPostgres();
}
