import path from 'node:path';
import type { Config } from '../../platform/config/index.js';
import { LocalStorage } from './local-storage.js';
import { S3Storage } from './s3-storage.js';
import type { Storage } from './storage.js';

export {
  FileMissing,
  parseKey,
  type Storage,
  STORAGE,
  type StorageArea,
  storageKey,
  type StorageKey,
  type StoredFile,
} from './storage.js';

export const openStorage = (config: Config): Storage =>
  config.storage.driver === 's3'
    ? new S3Storage(config.storage.s3)
    : new LocalStorage(path.join(config.dataDir, 'storage'));
