import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FileMissing, parseKey, type Storage, type StorageArea, type StorageKey, type StoredFile } from './storage.js';

/** Files below one folder, by their keys; unfinished ones lie in `incoming/` until they are whole and flushed. */
export class LocalStorage implements Storage {
  private readonly incoming: string;

  constructor(private readonly root: string) {
    this.incoming = path.join(root, 'incoming');
  }

  async put(key: StorageKey, source: Readable, signal?: AbortSignal): Promise<void> {
    source.on('error', () => undefined); // it may fail before the pipeline listens, which then finds it failed
    await mkdir(this.incoming, { recursive: true });
    const unfinished = path.join(this.incoming, randomUUID());
    const file = await open(unfinished, 'wx', 0o600);
    try {
      // a 202 promises that the upload outlives a power cut: `flush` is an fsync before the close
      await pipeline(source, file.createWriteStream({ flush: true, highWaterMark: 262_144 }), { signal });
      await this.rename(unfinished, this.fileOf(key));
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  async open(key: StorageKey, length?: number): Promise<Readable> {
    const file = await open(this.fileOf(key)).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? new FileMissing(key) : error;
    });
    return file.createReadStream({
      highWaterMark: 262_144,
      ...(length !== undefined && { end: Math.max(0, length - 1) }),
    });
  }

  async stat(key: StorageKey): Promise<StoredFile | undefined> {
    return statFile(key, this.fileOf(key));
  }

  async move(from: StorageKey, to: StorageKey): Promise<void> {
    try {
      await this.rename(this.fileOf(from), this.fileOf(to));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      if (!(await this.stat(to))) throw new FileMissing(from);
    }
  }

  async remove(key: StorageKey): Promise<void> {
    await rm(this.fileOf(key), { force: true });
  }

  async *list(area: StorageArea): AsyncIterable<StoredFile> {
    const entries = await readFolder(path.join(this.root, area));
    for (const entry of entries) {
      const file = path.join(entry.parentPath, entry.name);
      const key = parseKey(path.relative(this.root, file).split(path.sep).join('/'))?.key;
      const stored = key && entry.isFile() ? await statFile(key, file) : undefined;
      if (stored) yield stored;
    }
  }

  async removeUnfinished(before: Date): Promise<void> {
    for (const entry of await readFolder(this.incoming)) {
      const file = path.join(this.incoming, entry.name);
      const stored = await statFile(entry.name, file);
      if (stored && stored.modifiedAt < before) await rm(file, { force: true });
    }
  }

  private fileOf(key: StorageKey): string {
    return path.join(this.root, ...key.split('/'));
  }

  private async rename(from: string, to: string): Promise<void> {
    const folder = path.dirname(to);
    await mkdir(folder, { recursive: true });
    await rename(from, to);
    const handle = await open(folder); // the new name, too, must outlive a power cut
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

async function statFile(key: string, file: string): Promise<StoredFile | undefined> {
  try {
    const { size, mtime } = await stat(file);
    return { key, bytes: size, modifiedAt: mtime };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readFolder(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
