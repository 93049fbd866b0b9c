/** docs/engine-cases.md promises a test for each case; here it is held to it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../..');
const rows = [
  ...readFileSync(path.join(root, 'docs/engine-cases.md'), 'utf8').matchAll(
    /^\| +(\d+) +\| .*? \| `([^`]+)` +\| (.*?) +\|$/gm,
  ),
].map(([, number, file, title]) => ({ number: Number(number), file: file!, title: title! }));

it('docs/engine-cases.md leaves out none of the 18 cases', () => {
  expect([...new Set(rows.map(({ number }) => number))].sort((a, b) => a - b)).toEqual(
    Array.from({ length: 18 }, (_, i) => i + 1),
  );
});

it.each(rows)('case $number has the test "$title"', ({ file, title }) => {
  const source = readFileSync(path.join(root, file), 'utf8');
  expect(source.includes(`'${title}'`)).toBe(true);
});

it('docs/engine-cases.md names every test of test/chaos that bears a number', () => {
  const written = readdirSync(path.join(root, 'test/chaos'))
    .filter((file) => file.endsWith('.spec.ts'))
    .flatMap((file) => [
      ...readFileSync(path.join(root, 'test/chaos', file), 'utf8').matchAll(/'(case \d+: [^\n]*?)',/g),
    ])
    .map(([, title]) => title);
  const listed = new Set(rows.map(({ title }) => title));
  expect(written.filter((title) => !listed.has(title!))).toEqual([]);
});
