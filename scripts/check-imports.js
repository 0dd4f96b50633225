/**
 * Checks the imports in src/:
 *
 * - a folder imports only from folders below it (FOLDERS);
 * - a folder may have ground files (GROUND), which the folders inside it import; a ground file imports
 *   from those folders only types;
 * - a circle of imports stays inside one folder and consists of types. (Circles of values are an error of
 *   the lint.)
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From the ground up. `only`: the folders that it may import, if not everything below. */
const FOLDERS = [
  { folder: 'shared', only: [] },
  { folder: 'ipc/codec' },
  { folder: 'ipc' },
  { folder: 'worker', only: ['shared', 'ipc', 'ipc/codec'] },
  { folder: 'supervisor/node' },
  { folder: 'supervisor/lifecycle' },
  { folder: 'supervisor/restart' },
  { folder: 'supervisor/health' },
  { folder: 'supervisor' },
  { folder: 'pool/options' },
  { folder: 'pool/task' },
  { folder: 'pool/dispatch' },
  { folder: 'pool/settle' },
  { folder: 'pool/handles' },
  { folder: 'pool/batch' },
  { folder: 'pool/workers' },
  { folder: 'pool' },
  { folder: '' }, // index.ts
  { folder: 'cluster/wire' },
  { folder: 'cluster/store' },
  { folder: 'cluster/client' },
  { folder: 'cluster/host' },
  { folder: 'cluster' },
  { folder: 'testing' },
  { folder: 'cli' },
];
/** Imported by the folders inside theirs. */
const GROUND = [
  'cluster/types.ts',
  'cluster/errors.ts',
  'cluster/options.ts',
  'cluster/listeners.ts',
  'ipc/frame.ts',
  'ipc/spare-memory.ts',
  'pool/pool-context.ts',
  'pool/platform.ts',
  'pool/types.ts',
  'pool/events.ts',
  'pool/waiters.ts',
  'pool/abort-signals.ts',
  'supervisor/supervisor-listener.ts',
  'supervisor/slot.ts',
  'supervisor/slots.ts',
];
/** The most folders and files in src/pool, so that a reader finds the way. */
const MOST_IN_POOL = 19;

const src = fileURLToPath(new URL('../src', import.meta.url));
const faults = [];
const files = readdirSync(src, { recursive: true }).filter((file) => file.endsWith('.ts'));
const imports = new Map(files.map((file) => [file, importsOf(file)]));

function importsOf(file) {
  const text = readFileSync(join(src, file), 'utf8');
  const found = [];
  for (const [, , type, names, from] of text.matchAll(/^(import|export)( type)?([^;']*?)from '([^']*)';/gm)) {
    if (/^everpool(\/|$)/.test(from)) faults.push(`${file} imports the package itself`);
    if (!from.startsWith('.')) continue;
    const target = relative(src, join(src, dirname(file), from)).replace(/\.js$/, '.ts');
    const isType = type !== undefined || /^\s*\{(?:\s*type \w+(?: as \w+)?,?)+\s*\}\s*$/.test(names);
    found.push({ target, isType });
  }
  return found;
}

function levelOf(file) {
  const level = FOLDERS.findIndex(({ folder }) => folder === (dirname(file) === '.' ? '' : dirname(file)));
  if (level < 0) throw new Error(`${file}: its folder is unknown; add it to FOLDERS at the top of this check`);
  return level;
}

for (const [file, list] of imports) {
  const own = FOLDERS[levelOf(file)];
  for (const { target, isType } of list) {
    const other = FOLDERS[levelOf(target)];
    if (own === other) continue;
    const isBelow = own.only === undefined ? levelOf(target) < levelOf(file) : own.only.includes(other.folder);
    const isGround = GROUND.includes(target) && own.folder.startsWith(`${other.folder}/`);
    if (!isBelow && !isGround) faults.push(`${file} imports ${target}, which is in a folder above it`);
    if (GROUND.includes(file) && own.folder !== '' && other.folder.startsWith(`${own.folder}/`) && !isType)
      faults.push(`${file} is a ground file: it may import ${target} for its types only`);
  }
}

/** Tarjan's strongly connected components: each of more than one file is a circle. */
function circles() {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (file) => {
    index.set(file, index.size);
    low.set(file, index.get(file));
    stack.push(file);
    for (const { target } of imports.get(file) ?? []) {
      if (!index.has(target)) {
        visit(target);
        low.set(file, Math.min(low.get(file), low.get(target)));
      } else if (stack.includes(target)) low.set(file, Math.min(low.get(file), index.get(target)));
    }
    if (low.get(file) === index.get(file)) found.push(stack.splice(stack.indexOf(file)));
  };
  for (const file of files) if (!index.has(file)) visit(file);
  return found.filter((circle) => circle.length > 1);
}

for (const circle of circles()) {
  if (new Set(circle.map(dirname)).size > 1) faults.push(`a circle of imports through several folders: ${circle.join(', ')}`);
}

const inPool = readdirSync(join(src, 'pool'));
if (inPool.length > MOST_IN_POOL) faults.push(`src/pool has ${inPool.length} files and folders, more than ${MOST_IN_POOL}`);

for (const fault of faults) console.error(fault);
console.log(`${files.length} files in ${FOLDERS.length} folders, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
