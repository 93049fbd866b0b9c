import path from 'node:path';
import type { Config } from '../../platform/config/index.js';
import { LocalStorage } from './local-storage.js';
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

/** The SDK of S3 is loaded only where it is used: it takes 170 ms of a start. */
export async function openStorage({ storage, dataDir }: Config): Promise<Storage> {
  if (storage.driver === 'local') return new LocalStorage(path.join(dataDir, 'storage'));
  const { S3Storage } = await import('./s3-storage.js');
  return new S3Storage(storage.s3);
}
