// An empty, migrated database on a temporary embedded PostgreSQL, for what is generated from the live catalog or the running application.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

export const root = path.join(import.meta.dirname, '..', '..');

/** A compiled module of the product; build first. */
export const compiled = (file) => import(pathToFileURL(path.join(root, 'dist', file)).href);

/** Runs `work({ databaseUrl })` and takes the server away again, whatever happens. */
export async function withScratchDatabase(work) {
  const { EmbeddedPostgres } = await compiled('src/platform/database/embedded/embedded-postgres.js');
  const { migrate, provision } = await compiled('src/platform/database/index.js');
  const home = mkdtempSync(path.join(os.tmpdir(), 'carillon-generate-'));
  chmodSync(home, 0o755); // as root the server runs as another user
  const server = new EmbeddedPostgres({ home, settings: { fsync: 'off' } });
  try {
    const { url } = await server.start();
    await provision({ url });
    await migrate({ url });
    return await work({ databaseUrl: url });
  } finally {
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
