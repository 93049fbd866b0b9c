/** Both stores keep the promises of the port; the S3 side is the real SDK against a stand-in server. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, utimesSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { v7 as uuidv7 } from 'uuid';
import { LocalStorage } from '../../../src/imports/storage/local-storage.js';
import { S3Storage } from '../../../src/imports/storage/s3-storage.js';
import {
  FileMissing,
  parseKey,
  type Storage,
  type StorageArea,
  storageKey,
} from '../../../src/imports/storage/storage.js';
import { S3StandIn } from './s3-stand-in.js';

interface Subject {
  storage: Storage;
  /** How many beginnings of puts lie about. */
  unfinished(): number;
  /** Leaves the beginning of a put behind, as a killed process would. */
  cutOff(): Promise<void>;
  end(): Promise<void>;
}

async function local(): Promise<Subject> {
  const root = mkdtempSync(path.join(os.tmpdir(), 'carillon-storage-'));
  const storage = new LocalStorage(root);
  const incoming = path.join(root, 'incoming');
  const endless = new Readable({ read() {} });
  return {
    storage,
    unfinished: () => (existsSync(incoming) ? readdirSync(incoming).length : 0),
    async cutOff() {
      storage.put(newKey(), endless).catch(() => undefined);
      for (let i = 0; i < 200 && readdirSync(incoming).length === 0; i++)
        await new Promise((resolve) => setTimeout(resolve, 5));
      for (const file of readdirSync(incoming)) utimesSync(path.join(incoming, file), 0, 0);
    },
    async end() {
      endless.destroy();
      await rm(root, { recursive: true });
    },
  };
}

async function s3(): Promise<Subject> {
  const server = new S3StandIn();
  const endpoint = await server.start();
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  return {
    storage: new S3Storage({ bucket: 'files', region: 'us-east-1', endpoint, credentials }),
    unfinished: () => server.unfinished.size,
    cutOff: async () => void server.unfinished.set('lost', { key: newKey(), parts: new Map(), initiated: new Date(0) }),
    end: () => server.stop(),
  };
}

const organizationId = uuidv7();
const newKey = (area: StorageArea = 'staging') => storageKey(area, organizationId, uuidv7());
const content = async (storage: Storage, key: ReturnType<typeof newKey>, length?: number) =>
  buffer(await storage.open(key, length));
/** Larger than a part of S3's multipart upload, and no multiple of anything. */
const large = randomBytes(9 * 1024 ** 2 + 17);

describe.each([
  ['local folder', local],
  ['S3', s3],
])('storage: %s', (_, open) => {
  let subject: Subject;
  let storage: Storage;
  beforeEach(async () => {
    subject = await open();
    ({ storage } = subject);
  });
  afterEach(() => subject.end());

  it.each([
    ['empty', Buffer.alloc(0)],
    ['small', Buffer.from('a,b\n1,2\n')],
    ['large', large],
  ])('gives back what was put: %s', async (__, bytes) => {
    const key = newKey();
    await storage.put(key, Readable.from(bytes.length > 0 ? [bytes.subarray(0, 5), bytes.subarray(5)] : []));
    expect((await content(storage, key)).equals(bytes)).toBe(true);
    expect(await storage.stat(key)).toMatchObject({ key, bytes: bytes.length });
    expect((await content(storage, key, 4)).equals(bytes.subarray(0, 4))).toBe(true);
  });

  it('replaces what was there', async () => {
    const key = newKey();
    await storage.put(key, Readable.from(['a longer first']));
    await storage.put(key, Readable.from(['second']));
    expect((await content(storage, key)).toString()).toBe('second');
  });

  it.each([
    ['small', 10],
    ['large', 9 * 1024 ** 2],
  ])('leaves nothing when the source breaks off: %s', async (__, size) => {
    const key = newKey();
    async function* broken() {
      yield Buffer.alloc(size);
      throw new Error('the client hung up');
    }
    await expect(storage.put(key, Readable.from(broken()))).rejects.toThrow('the client hung up');
    expect(await storage.stat(key)).toBeUndefined();
    expect(subject.unfinished()).toBe(0);
  });

  it('takes a source that fails before it is read for what it is', async () => {
    const key = newKey();
    const source = new Readable({ read() {} });
    const put = storage.put(key, source);
    source.destroy(new Error('the client hung up'));
    await expect(put).rejects.toThrow('the client hung up');
    expect(await storage.stat(key)).toBeUndefined();
    expect(subject.unfinished()).toBe(0);
  });

  it('leaves what was there when a put over it is aborted', async () => {
    const key = newKey();
    await storage.put(key, Readable.from(['first']));
    const abort = new AbortController();
    const endless = new Readable({ read() {} });
    endless.push('sec');
    const put = storage.put(key, endless, abort.signal);
    setImmediate(() => abort.abort());
    await expect(put).rejects.toMatchObject({ name: 'AbortError' });
    expect((await content(storage, key)).toString()).toBe('first');
    expect(subject.unfinished()).toBe(0);
    expect(endless.destroyed).toBe(true);
  });

  it('moves, and takes a move that was done before for done', async () => {
    const [from, to] = [newKey('staging'), newKey('datasets')];
    await storage.put(from, Readable.from(['x']));
    await storage.move(from, to);
    await storage.move(from, to);
    expect(await storage.stat(from)).toBeUndefined();
    expect((await content(storage, to)).toString()).toBe('x');
  });

  it('says that a file is missing', async () => {
    await expect(storage.open(newKey())).rejects.toThrow(FileMissing);
    await expect(storage.move(newKey(), newKey())).rejects.toThrow(FileMissing);
    expect(await storage.stat(newKey())).toBeUndefined();
  });

  it('removes, also what is not there', async () => {
    const key = newKey();
    await storage.put(key, Readable.from(['x']));
    await storage.remove(key);
    await storage.remove(key);
    expect(await storage.stat(key)).toBeUndefined();
  });

  it('lists an area and nothing else', async () => {
    const keys = [newKey(), newKey(), newKey(), storageKey('staging', organizationId, uuidv7(), uuidv7())];
    for (const key of [...keys, newKey('datasets')]) await storage.put(key, Readable.from(['x']));
    const listed = [];
    for await (const { key, bytes } of storage.list('staging')) listed.push({ key, bytes });
    expect(new Set(listed)).toEqual(new Set(keys.map((key) => ({ key, bytes: 1 }))));
    for await (const file of storage.list('exports')) throw new Error(`exports is empty, but lists ${file.key}`);
  });

  it('clears away puts that never ended, and only old ones', async () => {
    await storage.put(newKey(), Readable.from(['x']));
    await subject.cutOff();
    expect(subject.unfinished()).toBe(1);
    await storage.removeUnfinished(new Date(-1));
    expect(subject.unfinished()).toBe(1);
    await storage.removeUnfinished(new Date(Date.now() - 1_000));
    expect(subject.unfinished()).toBe(0);
  });
});

describe('storage keys', () => {
  it.each(['../../etc/passwd', 'A', '', 'report.csv', uuidv7().toUpperCase()])(
    'refuses %j: keys are made of ids',
    (odd) => {
      expect(() => storageKey('staging', organizationId, odd)).toThrow('UUIDs');
      expect(parseKey(`staging/${organizationId}/${odd}`)).toBeUndefined();
    },
  );
});
