import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Database } from '../platform/database/index.js';
import { PROCESS_ROLES, type ProcessRoles } from '../platform/platform.module.js';
import { DatasetDrafts } from './dataset-draft.js';
import { exportsKeptMs } from './export-dataset.js';
import { parseKey, STORAGE, type Storage, type StorageArea, type StoredFile } from './storage/index.js';
import { uploads } from './upload.repository.js';
import { datasets } from './dataset.repository.js';

const hour = 3_600_000;
const every = hour;
/** No upload lasts so long: a staged file without a row is from one that was cut off. */
const stagedWithoutRow = 24 * hour;
/** How long the file of a failed import waits for somebody to retry it. */
const failedKept = 7 * 24 * hour;

/** Takes away what imports that were cut off have left: unfinished puts, staged files, drafts, and exports past their time. */
@Injectable()
export class StorageSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(StorageSweep.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly drafts: DatasetDrafts,
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(PROCESS_ROLES) private readonly roles: ProcessRoles,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.roles.worker) return;
    this.timer = setInterval(() => this.tick(), every);
    this.timer.unref();
    this.tick();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** Once; several processes at once do no harm, because every step may be repeated. `now`: epoch milliseconds. */
  async runOnce(now: number): Promise<void> {
    await this.storage.removeUnfinished(new Date(now - stagedWithoutRow));
    for (const draft of await datasets.forsakenDrafts(this.database.engine)) await this.drafts.forsake(draft);
    const failedBefore = new Date(now - failedKept);
    for (const upload of await uploads.abandoned(this.database.engine, failedBefore)) await this.drafts.settle(upload);
    await this.removeOld('staging', now - stagedWithoutRow, (ids) => uploads.known(this.database.engine, ids));
    await this.removeOld('exports', now - exportsKeptMs, async () => new Set());
  }

  private tick(): void {
    this.running ??= this.runOnce(Date.now())
      .catch((error: Error) => this.log.warn(`the sweep of the storage will try again in an hour: ${error.message}`))
      .finally(() => (this.running = undefined));
  }

  /** Removes files of the area from before the instant, but for those whose last id `known` names. */
  private async removeOld(
    area: StorageArea,
    before: number,
    known: (ids: string[]) => Promise<Set<string>>,
  ): Promise<void> {
    let batch: StoredFile[] = [];
    const flush = async () => {
      const kept = await known(batch.map(({ key }) => key.split('/').at(-1)!));
      for (const { key } of batch) {
        const parsed = parseKey(key);
        if (parsed && !kept.has(parsed.ids.at(-1)!)) await this.storage.remove(parsed.key);
      }
      batch = [];
    };
    for await (const file of this.storage.list(area)) {
      if (file.modifiedAt.getTime() < before && parseKey(file.key)) batch.push(file);
      if (batch.length >= 500) await flush();
    }
    if (batch.length > 0) await flush();
  }
}
