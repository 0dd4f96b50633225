/**
 * Bundles the code of a worker process into one file: it boots 9 ms faster and takes 1.5 MB less
 * than thirty modules. The file is not minified: stack traces stay readable, and it would not boot
 * faster.
 *
 * Writes it as a string too, for programs that are bundled (src/supervisor/node/worker-code.ts).
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';

/** One command-line argument holds at most 128 KiB on Linux. */
const MOST_EMBEDDED_BYTES = 100 * 1024;
/** A whole command line holds at most 32,767 characters on Windows: the code is compressed there. */
const MOST_PACKED_BYTES = 30_500;

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const entry = `${dist}/worker/entry.js`;
const slot = `${dist}/supervisor/node/embedded-worker.js`;

/**
 * Takes Node's modules by `process.getBuiltinModule`. An `import` makes a module with all exports
 * and evaluates all their getters, which costs 2 ms of each boot. What task modules replace in them
 * later has no effect, either.
 */
const builtins = {
  name: 'builtins',
  setup({ onLoad, onResolve }) {
    // With the package's `sideEffects: false`, esbuild would drop what is imported for its effect.
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
  // An import of another form would work, but slowly.
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  if (imports.length > 0) throw new Error(`the bundle of the worker imports ${imports.map(({ path }) => path).join(', ')}`);
  return outputFiles[0].text;
}

/** Sets an exported constant, an empty string in the source, in the emitted module. */
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
  // Node prints the whole source line of an uncaught error.
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
