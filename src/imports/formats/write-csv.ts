import type { Cell } from './schema.js';

/**
 * One line of CSV (RFC 4180, `\r\n`). Text that a spreadsheet would run as a formula gets a leading apostrophe (OWASP, "CSV Injection");
 * numbers are no text, so −5 stays −5.
 */
export const csvLine = (cells: readonly Cell[], delimiter = ',') =>
  `${cells.map((cell) => field(cell, delimiter)).join(delimiter)}\r\n`;

function field(cell: Cell, delimiter: string): string {
  if (cell === null) return '';
  if (typeof cell !== 'string') return String(cell);
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  const quoted = text === '' || /["\r\n]/.test(text) || text.includes(delimiter) || text !== text.trim();
  return quoted ? `"${text.replaceAll('"', '""')}"` : text;
}
