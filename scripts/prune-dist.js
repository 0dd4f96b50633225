// Removes from dist/ what no entry point of the package needs: files whose source was deleted,
// modules of types alone, and what became part of a bundle. dist/ is not emptied before a build,
// because processes of a running test may still load from it.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

const dist = join(import.meta.dirname, '../dist');
/** What programs import, with declarations. The other entries are the command and the worker. */
const PUBLIC = ['index', 'worker/index', 'testing/index', 'cluster/index'];
const ENTRIES = [...PUBLIC, 'cli/main', 'worker/entry'];
const IMPORT = /^(?:import|export)\b[^;'"]*['"](\.[^'"]*)['"];|\bawait import\(['"](\.[^'"]*)['"]\)/gm;

const needed = new Set(['THIRD-PARTY-LICENSES.txt', ...PUBLIC.map((entry) => `${entry}.d.ts`)].map((file) => join(dist, file)));

function keep(file) {
  if (needed.has(file)) return;
  needed.add(file);
  for (const [, path, later] of readFileSync(file, 'utf8').matchAll(IMPORT)) keep(join(dirname(file), path ?? later));
}

for (const entry of ENTRIES) keep(join(dist, `${entry}.js`));
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (entry.isFile() && !needed.has(file)) rmSync(file);
}
