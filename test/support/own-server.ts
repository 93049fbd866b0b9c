/** A PostgreSQL server for one test file alone, so that it may be stopped, restarted and set otherwise than the one all share. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { findBinaries, serverEnvironment } from '../../src/platform/database/embedded/binaries.js';
import { createCluster, dataFolder, readPassword } from '../../src/platform/database/embedded/cluster.js';
import { serverUser } from '../../src/platform/database/embedded/server-user.js';
import { migrate, openPool, provision } from '../../src/platform/database/index.js';
import type { TestDatabase } from './test-database.js';

const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', max_connections: '100' };

export class OwnServer {
  private readonly home = mkdtempSync(path.join(os.tmpdir(), 'carillon-own-'));
  private readonly pools: pg.Pool[] = [];
  private port = 0;

  /** Started by pg_ctl, with one migrated database. */
  static async start(): Promise<OwnServer> {
    const server = new OwnServer();
    chmodSync(server.home, 0o755);
    createCluster(server.home, server.bin, server.user);
    server.port = await freePort();
    await server.control('start');
    await provision({ url: server.url });
    await migrate({ url: server.url });
    return server;
  }

  get url(): string {
    return this.urlAt(this.port);
  }

  /** The same database through another port: a proxy's. */
  urlAt(port: number): string {
    return `postgres://postgres:${readPassword(this.home)}@127.0.0.1:${port}/postgres`;
  }

  get address(): { port: number } {
    return { port: this.port };
  }

  /** As the other tests know a database; `drop` ends its pools and leaves the server. */
  get database(): TestDatabase {
    const ignore = () => undefined; // a test that cuts connections sees the failure in its own query
    const owner = new pg.Pool({ connectionString: this.url, max: 5, options: '-c default_transaction_read_only=off' });
    owner.on('error', ignore);
    this.pools.push(owner);
    return {
      url: this.url,
      owner,
      as: (role) => {
        const pool = openPool({ url: this.url }, role, 5, ignore);
        this.pools.push(pool);
        return pool;
      },
      drop: async () => {
        await Promise.all(this.pools.splice(0).map((pool) => pool.end()));
      },
    };
  }

  /** Every backend is killed at once, nothing is flushed; the server recovers from its log, on the same port. */
  restartImmediately(): Promise<void> {
    return this.control('restart', '-m', 'immediate');
  }

  async stop(): Promise<void> {
    await Promise.all(this.pools.splice(0).map((pool) => pool.end()));
    await this.control('stop', '-m', 'immediate');
    rmSync(this.home, { recursive: true, force: true });
  }

  private get user() {
    return serverUser(dataFolder(this.home));
  }

  private get bin(): string {
    return findBinaries(this.home, this.user);
  }

  private async control(...words: string[]): Promise<void> {
    const flags = Object.entries({ ...settings, port: String(this.port) }).map(
      ([name, value]) => `-c ${name}=${value}`,
    );
    const log = path.join(dataFolder(this.home), 'server.log');
    await promisify(execFile)(
      path.join(this.bin, 'pg_ctl'),
      ['-D', dataFolder(this.home), '-w', '-t', '120', '-l', log, '-o', flags.join(' '), ...words],
      { ...this.user, cwd: '/', env: serverEnvironment },
    );
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
