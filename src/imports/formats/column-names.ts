import { limits } from './format.js';

export interface ColumnName {
  name: string;
  /** What the file called it, where that could not stay. */
  was?: string;
}

/** Every column gets a name, and no two the same: empty names become `column_<n>`, repeated ones `<name>_<k>`; what was mended is kept in `was`. */
export function mendColumnNames(given: readonly string[]): ColumnName[] {
  const taken = new Set<string>();
  const wanted = new Set(given.map(clean));
  return given.map((was, i) => {
    const base = clean(was) || `column_${i + 1}`;
    let name = base;
    for (let k = 2; taken.has(name) || (name !== base && wanted.has(name)); k++) name = `${base}_${k}`;
    taken.add(name);
    return name === was ? { name } : { name, was: was.slice(0, limits.columnName) };
  });
}

/** Control characters and halves of surrogate pairs have no place in a name (nor in jsonb). */
function clean(name: string): string {
  const text = name.replaceAll(/[\p{Cc}\p{Surrogate}\s]+/gu, ' ').trim();
  return text.length > limits.columnName ? [...text].slice(0, limits.columnName).join('') : text;
}
