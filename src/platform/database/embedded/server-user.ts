import { existsSync, readFileSync, statSync } from 'node:fs';

/** PostgreSQL refuses to run as root; then the server runs as this user. Empty for an ordinary user: as oneself. */
export type ServerUser = { uid: number; gid: number } | Record<string, never>;

/** As root: the owner of the cluster, else the system's `postgres`, else nobody. */
export function serverUser(data: string): ServerUser {
  if (process.getuid?.() !== 0) return {};
  if (existsSync(data)) {
    const { uid, gid } = statSync(data);
    if (uid !== 0) return { uid, gid };
  }
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((l) => l.startsWith('postgres:'));
  const [, , uid, gid] = (line ?? 'nobody:x:65534:65534').split(':');
  return { uid: Number(uid), gid: Number(gid) };
}
