/**
 * Makes one file of the command `everpool` and the packages that it alone needs, so that a program
 * that installs the pool does not install them. The pool itself stays outside: the command imports
 * it as every program does.
 *
 * Writes the licences of all that is bundled, too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { licenseOf, packagesIn } from './third-party.js';

const dist = join(import.meta.dirname, '../dist');
const main = join(dist, 'cli/main.js');

const pool = {
  name: 'pool',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\// }, ({ importer, path }) => (importer.includes('node_modules') ? undefined : { path, external: true }));
  },
};

const { outputFiles } = await build({
  entryPoints: [main],
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // The packages are CommonJS: they call it for Node's own modules.
  banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  plugins: [pool],
});
const [{ text }] = outputFiles;
writeFileSync(main, text);

const folders = [readFileSync(join(dist, 'shared/packages.js'), 'utf8'), text].flatMap(packagesIn).sort();
const head = 'everpool contains code of these packages. dist/shared/packages.js and dist/cli/main.js have it.';
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), `${[head, ...folders.map(licenseOf)].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`);
