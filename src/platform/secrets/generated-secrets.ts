import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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

function readOrCreate(file: string): { jwt: string; key: string } {
  if (!existsSync(file)) {
    mkdirSync(path.dirname(file), { recursive: true });
    const fresh = { jwt: randomBytes(48).toString('base64url'), key: randomBytes(32).toString('base64') };
    writeFileSync(file, JSON.stringify(fresh), { mode: 0o600, flag: 'wx' });
  }
  return JSON.parse(readFileSync(file, 'utf8')) as { jwt: string; key: string };
}
