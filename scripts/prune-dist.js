// Removes from dist/ what no source stands behind any more, so that a deleted file is not packed for ever.
// dist/ is not emptied before a build, because processes of a running test may still load from it.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
/** Written by capture.js. */
const made = ['shared/captured.js', 'shared/packages.js'].map((file) => join(dist, file));

for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const emitted = join(entry.parentPath, entry.name);
  const source = emitted.replace(dist, join(root, 'src')).replace(/(\.d\.ts|\.js)$/, '.ts');
  if (!existsSync(source) && !made.includes(emitted)) rmSync(emitted);
}
