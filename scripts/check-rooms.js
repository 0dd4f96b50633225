/**
 * Checks who imports whom in src/. Every folder is a room:
 *
 * - a room imports only from rooms below it (ROOMS);
 * - in its own folder a room may have ground files (GROUND), which the rooms above the ground import: they import
 *   those rooms for their types only;
 * - a circle of imports stays inside one room and is made of types only. (Circles of values are an error of the lint.)
 *
 * Run: node scripts/check-rooms.js
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From the ground up. `only`: all that the room may import, where that is less than everything below. */
const ROOMS = [
  { room: 'shared', only: [] },
  { room: 'ipc/codec' },
  { room: 'ipc' },
  { room: 'worker', only: ['shared', 'ipc', 'ipc/codec'] },
  { room: 'supervisor/node' },
  { room: 'supervisor/lifecycle' },
  { room: 'supervisor/restart' },
  { room: 'supervisor/health' },
  { room: 'supervisor' },
  { room: 'pool/options' },
  { room: 'pool/task' },
  { room: 'pool/dispatch' },
  { room: 'pool/settle' },
  { room: 'pool/handles' },
  { room: 'pool/batch' },
  { room: 'pool/workers' },
  { room: 'pool' },
  { room: '' }, // index.ts
  { room: 'testing' },
  { room: 'cli' },
];
/** Imported by the rooms inside their folder. */
const GROUND = [
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
/** Rooms and files that src/pool may have, so that it stays a place to find one's way in. */
const MOST_IN_POOL = 18;

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
  const level = ROOMS.findIndex(({ room }) => room === (dirname(file) === '.' ? '' : dirname(file)));
  if (level < 0) throw new Error(`${file}: its folder is no room; add it to ROOMS in scripts/check-rooms.js`);
  return level;
}

for (const [file, list] of imports) {
  const own = ROOMS[levelOf(file)];
  for (const { target, isType } of list) {
    const other = ROOMS[levelOf(target)];
    if (own === other) continue;
    const isBelow = own.only === undefined ? levelOf(target) < levelOf(file) : own.only.includes(other.room);
    const isGround = GROUND.includes(target) && own.room.startsWith(`${other.room}/`);
    if (!isBelow && !isGround) faults.push(`${file} imports ${target}, which is in a room above it`);
    if (GROUND.includes(file) && own.room !== '' && other.room.startsWith(`${own.room}/`) && !isType)
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
  if (new Set(circle.map(dirname)).size > 1) faults.push(`a circle of imports through several rooms: ${circle.join(', ')}`);
}

const inPool = readdirSync(join(src, 'pool'));
if (inPool.length > MOST_IN_POOL) faults.push(`src/pool has ${inPool.length} files and rooms, more than ${MOST_IN_POOL}`);

for (const fault of faults) console.error(fault);
console.log(`${files.length} files in ${ROOMS.length} rooms, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
