/** Worker processes of their own, as a machine with several would run them. */
import { fork } from 'node:child_process';
import path from 'node:path';

export type ToWorker = { url: string } | 'go' | 'stop';
export type FromWorker = 'ready' | { accepted: number };

export interface WorkerProcess {
  /** Results that it has written. */
  readonly accepted: number;
  onProgress(listener: () => void): void;
  /** Rejects when the process ends before it was told to. */
  failed: Promise<never>;
  /** Begins to claim. */
  go(): void;
  stop(): Promise<void>;
}

/** Resolves once it is connected and waits for `go`. */
export async function startWorkerProcess(url: string): Promise<WorkerProcess> {
  const child = fork(path.join(import.meta.dirname, 'worker-process.js'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const send = (message: ToWorker) => child.send(message);
  let accepted = 0;
  let stopping = false;
  let listener = () => {};
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const failed = exited.then((code): never => {
    throw new Error(`a worker process ended with ${code}`);
  });
  failed.catch(() => undefined);
  const ready = new Promise<void>((resolve) => {
    child.on('message', (message: FromWorker) => {
      if (message === 'ready') resolve();
      else {
        ({ accepted } = message);
        listener();
      }
    });
  });
  send({ url });
  await Promise.race([ready, failed]);
  return {
    get accepted() {
      return accepted;
    },
    onProgress(call) {
      listener = call;
    },
    failed,
    go: () => send('go'),
    async stop() {
      if (!stopping && child.connected) send('stop');
      stopping = true;
      await exited;
    },
  };
}
