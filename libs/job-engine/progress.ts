/** The percent to show: whole, within 0 and 100, never less than before; what is no number changes nothing. */
export function nextProgress(previous: number, percent: number): number {
  if (typeof percent !== 'number' || Number.isNaN(percent)) return previous;
  return Math.max(previous, Math.floor(Math.min(100, Math.max(0, percent))));
}
