/** File names come from strangers: they are shown, never used in a path. */

/**
 * As multipart forms encode them (HTML Standard, 4.10.22.8): only quotes and line breaks.
 * The name without folders, control and direction characters; at most 255 characters, `file` where nothing is left.
 */
export function displayName(given: string | undefined): string {
  const decoded = (given ?? '').replaceAll('%22', '"').replaceAll(/%0[AD]/gi, ' ');
  const last = decoded.split(/[\\/]/).at(-1)!;
  // Cf holds the direction overrides that make `exe.csv` of `vsc.exe`
  const text = last.replaceAll(/[\p{Cc}\p{Cf}\p{Surrogate}]/gu, '').trim();
  return [...text].slice(0, 255).join('').slice(0, 255) || 'file';
}

/** What a dataset is called at first: the file's name without its ending. */
export const datasetName = (fileName: string) =>
  fileName.replace(/\.(csv|tsv|txt|tab|json|ndjson|jsonl)$/i, '') || fileName;

/** An attachment of this name (RFC 6266): ASCII for old clients, UTF-8 for the others. */
export function attachment(fileName: string): string {
  const plain = fileName.replaceAll(/[^\w .()-]/g, '_');
  const encoded = encodeURIComponent(fileName).replaceAll(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
