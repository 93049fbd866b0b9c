// `npm run generate` writes every generated file of the repository; with `--check` it writes nothing and fails, naming those that are stale.
// To add one: a module under scripts/generated/ that exports `{ path, render(current, context) }`, and a line in the list below.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as prettier from 'prettier';
import { buildIfStale } from './build-if-stale.mjs';
import { envExample } from './generated/env-example.mjs';
import { openApiDocument } from './generated/openapi-document.mjs';
import { promisedSchema } from './generated/promised-schema.mjs';
import { readmeConfiguration } from './generated/readme-configuration.mjs';
import { root, withScratchDatabase } from './generated/scratch-database.mjs';

/** In this order. `render` gets the present text ('' when there is none) and the URL of an empty, migrated database. */
const generatedFiles = [envExample, readmeConfiguration, promisedSchema, openApiDocument];

const checkOnly = process.argv.includes('--check');
buildIfStale();

const stale = await withScratchDatabase(async (context) => {
  const changed = [];
  for (const generated of generatedFiles) {
    const name = generated.path;
    const file = path.join(root, name);
    const current = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const wanted = await formatted(file, await generated.render(current, context));
    if (wanted === current) continue;
    changed.push(name);
    if (checkOnly) continue;
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, wanted);
  }
  return changed;
});

for (const name of stale) console.log(checkOnly ? `${name} is stale` : `wrote ${name}`);
if (checkOnly && stale.length > 0) {
  console.error('run "npm run generate" and commit what it writes');
  process.exitCode = 1;
}

/** As `npm run format` would leave it, so that the two never disagree. */
async function formatted(file, text) {
  const { ignored, inferredParser } = await prettier.getFileInfo(file, {
    ignorePath: path.join(root, '.prettierignore'),
  });
  if (ignored || !inferredParser) return text;
  return prettier.format(text, { ...(await prettier.resolveConfig(file)), filepath: file });
}
