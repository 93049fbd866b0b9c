/** Ids are UUIDv7: their first 48 bits are the millisecond in which the application made them. */

/** Ids are made by the application's clock, created_at by the database's: a range of ids is taken three hours wider than that of times. */
export const clockTolerance = 10_800_000;

/** The least id that could have been made at the instant or later; null before 1970 and beyond 48 bits of milliseconds. */
export function firstIdAt(milliseconds: number): string | null {
  if (!(milliseconds >= 0 && milliseconds < 2 ** 48)) return null;
  const hex = Math.floor(milliseconds).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** When the application made it. */
export const instantOf = (id: string): Date => new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16));
