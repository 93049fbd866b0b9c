import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config/index.js';

/** With the embedded database, secrets that were not configured are made once and kept beside it (mode 0600). Otherwise the configuration has them. */
export function withGeneratedSecrets(config: Config): Config {
  if (config.database.address || (config.secrets.jwt && config.secrets.keys.length > 0)) return config;
  const kept = readOrCreate(path.join(config.dataDir, 'secrets.json'));
  const keys =
    config.secrets.keys.length > 0 ? config.secrets.keys : [{ id: 'generated', key: Buffer.from(kept.key, 'base64') }];
  return Object.freeze({ ...config, secrets: Object.freeze({ jwt: config.secrets.jwt ?? kept.jwt, keys }) });
}

/** Written whole under another name and then linked, so that of two first starts one makes the secrets and both read the same. */
function readOrCreate(file: string): { jwt: string; key: string } {
  if (!existsSync(file)) {
    mkdirSync(path.dirname(file), { recursive: true });
    const fresh = { jwt: randomBytes(48).toString('base64url'), key: randomBytes(32).toString('base64') };
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    writeFileSync(draft, JSON.stringify(fresh), { mode: 0o600, flag: 'wx' });
    try {
      linkSync(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft);
    }
  }
  return JSON.parse(readFileSync(file, 'utf8')) as { jwt: string; key: string };
}
