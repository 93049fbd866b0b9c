// `npm start` and `npm run carillon -- <command>`: one process, built first when needed. `--entry <file>` runs another file of dist/.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildIfStale } from './build-if-stale.mjs';

process.setSourceMapsEnabled(true);
buildIfStale();
const at = process.argv.indexOf('--entry');
const [, entry] = at === -1 ? [] : process.argv.splice(at, 2);
await import(pathToFileURL(path.join(import.meta.dirname, '..', 'dist', entry ?? 'src/cli.js')).href);
