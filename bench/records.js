/**
 * Real data: package.json files of the packages installed here and in the project, and their
 * JavaScript sources.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RECORD_BYTES = 10_000;
const here = fileURLToPath(new URL('./node_modules', import.meta.url));
const project = fileURLToPath(new URL('../node_modules', import.meta.url));

/**
 * By folders: in `recursive`, Node 22 and later follow links, and the one to the project leads back
 * here, forty times.
 */
function filesUnder(folder, pattern) {
  const entries = readdirSync(folder, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name));
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  return [...files.filter((path) => pattern.test(path)), ...folders.flatMap((each) => filesUnder(each, pattern))].sort();
}

/** The files of all installed packages, here and in the project; not what tools keep in folders like `.vite`. */
export const installedFiles = (pattern) =>
  [project, here].flatMap((folder) => filesUnder(folder, pattern).filter((path) => !path.includes('/.', folder.length)));

/** Arrays of package.json objects, each about 10 KB of JSON. */
export function jsonRecords() {
  const records = [];
  let group = [];
  let bytes = 0;
  for (const folder of [here, project]) {
    for (const file of filesUnder(folder, /\/package\.json$/)) {
      const text = JSON.stringify(JSON.parse(readFileSync(file, 'utf8')));
      if (text.length > 2 * RECORD_BYTES) continue;
      group.push(JSON.parse(text));
      bytes += text.length;
      if (bytes < RECORD_BYTES) continue;
      records.push(group);
      group = [];
      bytes = 0;
    }
  }
  return records;
}

/** Sources of 5 to 60 KB that every parser of modules takes. */
export function javascriptSources() {
  const sources = filesUnder(here, /\.m?js$/).map((file) => readFileSync(file, 'utf8'));
  return sources.filter(({ length }) => length >= 5000 && length <= 60_000);
}
