import { rmSync } from 'node:fs';

export default async function stopPostgres(): Promise<void> {
  const running = globalThis.embeddedPostgres;
  if (!running) return;
  globalThis.embeddedPostgres = undefined;
  await running.server.stop();
  rmSync(running.home, { recursive: true, force: true });
}
