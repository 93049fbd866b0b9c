/** Where files are kept: a local folder or an S3 bucket behind the same few operations (storage-conformance.ts holds both to them). */
import type { Readable } from 'node:stream';

export const STORAGE = Symbol('Storage');

export interface StoredFile {
  key: string;
  bytes: number;
  modifiedAt: Date;
}

export interface Storage {
  /**
   * Stores all of the stream under the key, replacing what was there. Readers see the whole file or none: if the stream fails or `signal`
   * fires, nothing is left and the error is thrown. Memory stays flat whatever the size.
   */
  put(key: StorageKey, source: Readable, signal?: AbortSignal): Promise<void>;
  /** Bytes from the first on, at most `length` of them. @throws FileMissing */
  open(key: StorageKey, length?: number): Promise<Readable>;
  stat(key: StorageKey): Promise<StoredFile | undefined>;
  /** Safe to repeat: a move that was done before is done. @throws FileMissing when neither key has a file */
  move(from: StorageKey, to: StorageKey): Promise<void>;
  /** Safe to repeat. */
  remove(key: StorageKey): Promise<void>;
  /** All files under an area, in any order. */
  list(area: StorageArea): AsyncIterable<StoredFile>;
  /** Clears what puts that never ended have left (a killed process), begun before the instant. */
  removeUnfinished(before: Date): Promise<void>;
}

export const storageAreas = ['staging', 'datasets', 'exports'] as const;
export type StorageArea = (typeof storageAreas)[number];

declare const checked: unique symbol;
/** Made of ids only, by `storageKey`: no name that a user chose is ever part of a path. */
export type StorageKey = string & { [checked]: true };

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** `<area>/<organisation>/<id>[/<id>]`. @throws for anything but lower-case UUIDs */
export function storageKey(area: StorageArea, organizationId: string, ...ids: [string, string?]): StorageKey {
  const parts = [organizationId, ...ids].filter((id) => id !== undefined);
  const odd = parts.find((id) => !uuid.test(id));
  if (odd !== undefined) throw new Error(`a storage key is made of UUIDs, not of ${JSON.stringify(odd)}`);
  return [area, ...parts].join('/') as StorageKey;
}

/** A key as a store lists it; undefined for what somebody else has put there. */
export function parseKey(
  key: string,
): { area: StorageArea; organizationId: string; ids: string[]; key: StorageKey } | undefined {
  const [area, organizationId, ...ids] = key.split('/');
  if (
    !storageAreas.some((known) => known === area) ||
    ![organizationId ?? '', ...ids].every((id) => uuid.test(id)) ||
    ids.length === 0
  )
    return undefined;
  return { area: area as StorageArea, organizationId: organizationId!, ids, key: key as StorageKey };
}

export class FileMissing extends Error {
  constructor(key: string) {
    super(`There is no file ${key} in the storage.`);
  }
}
