/**
 * Many of everything, on one machine: `npm run bench:scale [-- --quick] [--workers 64,200,1000]
 * [--node 24]`. Real workers in one pool, real pools one after the other and at once, and tasks
 * queued in the parent alone (growth-child.js). What would not fit into the memory that is free is
 * left out, and said.
 *
 * Each measurement is a process of its own (scale-child.js). Prints tables, and writes all figures
 * to bench/results.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment, printHead } from './environment.js';
import { underNode } from './node-version.js';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, workers: { type: 'string' }, node: { type: 'string' } },
});
await underNode(options.node, import.meta.url);
const { quick: isQuick } = options;
const WORKERS = options.workers?.split(',').map(Number) ?? (isQuick ? [8, 16] : [64, 200, 1000]);
const POOLS = isQuick ? 20 : 1000;
const POOLS_AT_ONCE = isQuick ? 8 : 100;
const TASKS = isQuick ? [100_000] : [100_000, 1_000_000, 10_000_000];
const FEW_DESCRIPTORS = 256;
const LIMIT_MS = 1_800_000;
const MIB = 2 ** 20;
/** Kept free for the rest of the machine. */
const RESERVE_MIB = 2048;
/** Of a queued task, with room for a collection that copies it. */
const TASK_BYTES = 1200;
const SCALE = fileURLToPath(new URL('scale-child.js', import.meta.url));
const GROWTH = fileURLToPath(new URL('growth-child.js', import.meta.url));

const freeMib = () => Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'latin1'))[1]) / 1024;
const number = (value) => (typeof value === 'number' ? value.toLocaleString('en', { maximumSignificantDigits: 4 }) : String(value ?? ''));

/** The JSON that the child prints, or `{ error }`. */
function measure(file, what, { flags = [], descriptors } = {}) {
  const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
  const command = `${limit}exec "$0" "$@"`;
  const child = spawn('sh', ['-c', command, process.execPath, '--expose-gc', ...flags, file, JSON.stringify(what)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].on('data', (chunk) => (output[name] = (output[name] + chunk).slice(-20_000)));
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const said = output.stderr.split('\n').find((line) => /Error\b|heap/.test(line)) ?? '';
      resolve(code === 0 ? JSON.parse(output.stdout) : { error: `${signal ?? `exit code ${code}`} ${said}`.trim() });
    });
  });
}

/** Measures if there is enough memory. */
async function measureIn(needsMib, ...args) {
  const free = freeMib() - RESERVE_MIB;
  if (needsMib > free) return { error: `left out: it needs about ${number(needsMib)} MiB, and ${number(Math.max(0, free))} are free` };
  return measure(...args);
}

function print(title, rows) {
  console.log(`\n${title}`);
  const columns = [...new Set(rows.flatMap(([, figures]) => Object.keys(figures)))].filter((column) => column !== 'error');
  const table = [['', ...columns], ...rows.map(([name, figures]) => [name, ...columns.map((column) => number(figures[column]))])];
  const widths = table[0].map((_, column) => Math.max(...table.map((cells) => cells[column].length)));
  for (const cells of table) {
    const padded = cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])));
    console.log(`  ${padded.join('  ').trimEnd()}`);
  }
  for (const [name, { error }] of rows) if (error !== undefined) console.log(`  ${name}: ${error}`);
}

const report = { date: new Date().toISOString(), environment: environment(), options, parts: {} };
printHead(report.environment);

function finish(title, rows) {
  print(title, rows);
  report.parts[title] = Object.fromEntries(rows);
}

const workers = [];
let mibAWorker = 40; // before any is measured
for (const size of WORKERS) {
  const figures = await measureIn(size * mibAWorker, SCALE, { of: 'workers', size, isQuick });
  if (figures['PSS, MiB'] > 0) mibAWorker = (1.2 * figures['PSS, MiB']) / size;
  workers.push([`${size} workers`, figures]);
}
const few = { of: 'workers', size: isQuick ? 100 : 200, isQuick };
workers.push([`${few.size}, ${FEW_DESCRIPTORS} descriptors`, await measureIn(few.size * 40, SCALE, few, { descriptors: FEW_DESCRIPTORS })]);
finish('Workers of one pool', workers);

const inTurn = await measure(SCALE, { of: 'pools', count: POOLS });
finish('Pools of one worker: made, used once and closed, one after the other', inTurn.rows ?? [[`${POOLS} pools`, inTurn]]);
finish('Pools of one worker, made at the same time', [
  [`${POOLS_AT_ONCE} pools`, await measureIn(POOLS_AT_ONCE * mibAWorker, SCALE, { of: 'pools at once', count: POOLS_AT_ONCE })],
]);

const tasks = [];
for (const count of TASKS) {
  const mib = (count * TASK_BYTES) / MIB + 1024;
  const flags = [`--max-old-space-size=${Math.ceil(mib)}`];
  const cost = await measureIn(mib, GROWTH, { of: 'cost', load: 'plain', count, workers: 2 }, { flags });
  const bytes = await measureIn(mib, GROWTH, { of: 'memory', body: 'number', count }, { flags });
  const figures = { 'µs a task': cost.error ?? cost, 'bytes a task': bytes.error ?? bytes };
  tasks.push([`${number(count)} tasks`, figures]);
}
finish('Tasks queued at once, 2 simulated workers', tasks);

const folder = new URL('./results/', import.meta.url);
mkdirSync(folder, { recursive: true });
const file = `scale-${report.date.slice(0, 19).replaceAll(':', '-')}.json`;
writeFileSync(new URL(file, folder), `${JSON.stringify(report, undefined, 2)}\n`);
console.log(`\nAll figures: bench/results/${file}`);
