/**
 * Makes one file of what a worker process runs: it boots in 9 ms less and takes 1.5 MB less than with thirty modules. Not minified, so that
 * a stack trace can be read; it would not boot sooner either.
 *
 * Makes a text of it too, for programs that are bundled (src/supervisor/node/worker-code.ts).
 */
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';

/** A single argument of a command has 128 KiB on Linux. */
const MOST_EMBEDDED_BYTES = 100 * 1024;
/** Windows has 32,767 characters for the whole command; there it goes packed. */
const MOST_PACKED_BYTES = 30_500;

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const entry = `${dist}/worker/entry.js`;
const slot = `${dist}/supervisor/node/embedded-worker.js`;

/**
 * Takes Node's own modules by `process.getBuiltinModule`. To `import` one makes a module with all that it exports, and
 * evaluates all of its getters: 2 ms of each boot. What the task modules replace in them later is not seen, either.
 */
const builtins = {
  name: 'builtins',
  setup({ onLoad, onResolve }) {
    // `sideEffects: false` of the package would leave nothing of what is imported for its effect.
    onResolve({ filter: /^\./ }, ({ path, resolveDir }) => ({ path: join(resolveDir, path), sideEffects: true }));
    onLoad({ filter: /\.js$/ }, async ({ path }) => ({ contents: takeBuiltins(await readFile(path, 'utf8')) }));
  },
};

function takeBuiltins(source) {
  return source.replace(/^import \{([^}]*)\} from '(node:[^']*)';$/gm, (_, names, from) => {
    return `const {${names.replaceAll(' as ', ': ')}} = process.getBuiltinModule('${from}');`;
  });
}

async function bundle(options) {
  const { metafile, outputFiles } = await build({
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    plugins: [builtins],
    metafile: true,
    write: false,
    ...options,
  });
  // An import of another form would be right, and slow.
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  if (imports.length > 0) throw new Error(`the bundle of the worker imports ${imports.map(({ path }) => path).join(', ')}`);
  return outputFiles[0].text;
}

/** The text between the quotes of an exported constant in the emitted module. */
function fill(module, name, text) {
  const empty = `export const ${name} = '';`;
  if (!module.includes(empty)) throw new Error(`${slot} has no empty ${name}`);
  return module.replace(empty, () => `export const ${name} = ${JSON.stringify(text)};`);
}

const [, url] = /EMBEDDED_URL = '([^']*)'/.exec(await readFile(slot, 'utf8'));

const file = await bundle({ entryPoints: [entry], format: 'esm' });
const embedded = await bundle({
  stdin: { contents: "import './embedded.js';\nimport './entry.js';", resolveDir: `${dist}/worker` },
  format: 'iife',
  minify: true,
  // Node shows the whole line of an uncaught error.
  lineLimit: 160,
  charset: 'ascii',
  define: { 'import.meta.url': JSON.stringify(url) },
  footer: { js: `//# sourceURL=${url}` },
});
const packed = brotliCompressSync(embedded).toString('base64');
if (embedded.length > MOST_EMBEDDED_BYTES || packed.length > MOST_PACKED_BYTES) {
  throw new Error(`the embedded worker has ${embedded.length} bytes, ${packed.length} packed`);
}

const mark = `// everpool ${createHash('sha256').update(file).update(embedded).digest('hex').slice(0, 16)}\n`;
await writeFile(slot, fill(fill(await readFile(slot, 'utf8'), 'EMBEDDED_WORKER', packed), 'WORKER_MARK', mark));
await writeFile(entry, mark + file);
for (const name of ['embedded.js', 'embedded.d.ts']) await rm(`${dist}/worker/${name}`);
