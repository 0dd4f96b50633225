/**
 * Measures how the parent's cost of a task grows with the number of queued tasks and of workers,
 * and the memory of a queued task: `npm run bench:growth [-- --quick] [--node 24]`. The platform is
 * simulated (platform.js), so only the bookkeeping of the pool is measured.
 *
 * Each measurement is a process of its own (growth-child.js) with V8's usual heap. The measurements
 * take turns, and the median of the rounds counts. Garbage collection is part of the cost: the more
 * tasks are queued, the more memory is copied.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import { environment, printHead } from './environment.js';
import { underNode } from './node-version.js';
import { median } from './statistics.js';

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false }, node: { type: 'string' } } });
await underNode(options.node, import.meta.url);
const ROUNDS = options.quick ? 1 : 3;
const COUNTS = options.quick ? [10_000, 100_000] : [10_000, 30_000, 100_000, 300_000, 1_000_000];
const WORKERS = options.quick ? [2, 30, 1000] : [2, 10, 30, 100, 300, 1000];
/** The number of tasks, the same for every number of workers. */
const TASKS = 100_000;
const CHILD = fileURLToPath(new URL('growth-child.js', import.meta.url));
const LIMIT_MS = 300_000;

const byCount = (what) => COUNTS.map((count) => ({ at: count, ...what, count }));
const cost = (load) => byCount({ of: 'cost', load, workers: 2 });
const memory = (body) => byCount({ of: 'memory', body });
const groups = {
  queued: {
    title: 'Cost of a task by the number queued at once, 2 workers',
    at: 'tasks queued',
    unit: 'µs a task',
    series: { plain: cost('plain'), '16 priorities, mixed': cost('mixed'), '10 % cancelled': cost('cancelled') },
  },
  workers: {
    title: `Cost of a task by the number of workers, ${TASKS.toLocaleString('en')} tasks queued at once`,
    at: 'workers',
    unit: 'µs a task',
    series: { plain: WORKERS.map((workers) => ({ at: workers, of: 'cost', load: 'plain', count: TASKS, workers })) },
  },
  memory: {
    title: 'Memory of a queued task by the number queued, heap and external',
    at: 'tasks queued',
    unit: 'bytes a task',
    series: { 'no argument': memory('nothing'), 'a small number': memory('number'), 'an object, 100 bytes of JSON': memory('object') },
  },
};

async function measure({ at: _, ...what }) {
  const args = ['--expose-gc', CHILD, JSON.stringify(what)];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: LIMIT_MS, killSignal: 'SIGKILL' });
    return Number(stdout);
  } catch (cause) {
    throw new Error(`no figure for ${JSON.stringify(what)}`, { cause });
  }
}

const machine = environment();
printHead(machine);
const all = Object.values(groups).flatMap(({ series }) => Object.values(series).flat());
const figures = new Map(all.map((what) => [what, []]));
for (let round = 0; round < ROUNDS; round += 1) for (const [what, list] of figures) list.push(await measure(what));

const report = {
  date: new Date().toISOString(),
  environment: { ...machine, heapLimitBytes: getHeapStatistics().heap_size_limit },
  options,
  groups: Object.fromEntries(
    Object.entries(groups).map(([id, group]) => {
      const series = Object.entries(group.series).map(([name, points]) => [name, points.map(pointOf)]);
      return [id, { ...group, series: Object.fromEntries(series) }];
    }),
  ),
};

function pointOf(what) {
  const rounds = figures.get(what);
  return { at: what.at, median: median(rounds), min: Math.min(...rounds), max: Math.max(...rounds) };
}

const number = (value) => value.toLocaleString('en', { maximumSignificantDigits: 3 });
for (const { title, at, unit, series } of Object.values(report.groups)) {
  console.log(`\n${title}`);
  const [first] = Object.values(series);
  const table = [
    [`${unit}, ${at}:`, ...first.map((point) => number(point.at)), 'last / first'],
    ...Object.entries(series).map(([name, points]) => {
      const ratio = points.at(-1).median / points[0].median;
      return [name, ...points.map((point) => number(point.median)), ratio.toFixed(2)];
    }),
  ];
  for (const [name, ...cells] of table) console.log(`  ${name.padEnd(30)}${cells.map((cell) => cell.padStart(13)).join('')}`);
}

const folder = new URL('./results/', import.meta.url);
mkdirSync(folder, { recursive: true });
const file = `growth-${report.date.slice(0, 19).replaceAll(':', '-')}.json`;
writeFileSync(new URL(file, folder), `${JSON.stringify(report, undefined, 2)}\n`);
console.log(`\nAll figures: bench/results/${file}`);
