/** Runs the packaged PostgreSQL as a child: nothing to install, nothing left behind. */
import { realpathSync } from 'node:fs';
import { findBinaries } from './binaries.js';
import { clearLeftovers, createCluster, dataFolder, readPassword } from './cluster.js';
import { makeEnterable } from './embedded-home.js';
import { lockFolder } from './folder-lock.js';
import { ServerProcess } from './server-process.js';
import { serverUser } from './server-user.js';

export interface EmbeddedPostgresOptions {
  /** Folder of the cluster, its password and its lock. As root it must not lie where the server's user cannot enter. */
  home: string;
  /** Server settings beyond the defaults. */
  settings?: Record<string, string>;
  log?: (line: string) => void;
  /** Called when the server ends without having been asked to. */
  onCrash?: (reason: string) => void;
}

export class EmbeddedPostgres {
  private server: ServerProcess | undefined;
  private release = () => {};

  constructor(private readonly options: EmbeddedPostgresOptions) {}

  /**
   * Starts the server and answers its superuser URL (database `postgres`).
   * @throws FolderInUse when another live process owns the folder
   */
  async start(): Promise<{ url: string; created: boolean }> {
    const { settings = {}, log = () => {}, onCrash = () => {} } = this.options;
    makeEnterable(this.options.home);
    const home = realpathSync(this.options.home); // one name for one folder, so that its server is recognised
    this.release = lockFolder(home);
    try {
      const data = dataFolder(home);
      const user = serverUser(data);
      const bin = findBinaries(home, user);
      const created = createCluster(home, bin, user);
      await clearLeftovers(home, log);
      this.server = await ServerProcess.start({ bin, data, user, settings, onCrash });
      const url = `postgres://postgres:${readPassword(home)}@127.0.0.1:${this.server.port}/postgres`;
      return { url, created };
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Ends the server and gives the folder free. Safe to repeat. */
  async stop(): Promise<void> {
    await this.server?.stop();
    this.release();
  }

  get pid(): number | undefined {
    return this.server?.pid;
  }
}
