/** A code block that names a file (three backticks, `ts path/of/file.ts`) shows that file as it is, so that what readers copy is what tests run. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const pages = ['docs', 'examples'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `${folder}/${file}`),
);
const shown = pages.flatMap((page) =>
  [...read(page).matchAll(/^```ts (\S+)\n(.*?)^```$/gms)].map(([, file, code]) => ({ page, file: file!, code: code! })),
);

it('pages show code that tests run', () => {
  const files = shown.map(({ file }) => file);
  expect(files).toEqual(expect.arrayContaining(['examples/job-type/count-words.ts', 'examples/embedding/orders.ts']));
});

it.each(shown)('$page shows $file as it is', ({ file, code }) => {
  expect(code).toBe(read(file));
});
