/** P2b, P2c, P3: the cost of a million tasks in everpool, in time and in memory. */
import { repeat } from '../statistics.js';
import { ratio } from './goals.js';

const MILLION = 1_000_000;
const open = async () => (await import('../contenders/everpool.js')).open({ size: 2 });

const bursts = { '1,000,000 at once': MILLION, '10,000 at once': 10_000 };

export const deepQueue = {
  id: 'P2b',
  title: 'run() of a no-op: cost of a task by the depth of the queue, 1,000,000 tasks in all',
  unit: 'µs',
  digits: 2,
  limitS: 120,
  quickLimitS: 60,
  isLong: true,
  entries: Object.keys(bursts),
  goals: [{ text: 'at 1,000,000 ≤ 1.3 × that at 10,000', ratio: ratio(...Object.keys(bursts)), atMost: 1.3 }],
  async measure({ entry }) {
    const { run } = await open();
    const burst = (count) => Promise.all(Array.from({ length: count }, () => run('noop')));
    await repeat(() => burst(10_000), 500);
    const { ms } = await repeat(() => burst(bursts[entry]), 0, MILLION / bursts[entry]);
    return { value: (ms * 1000) / MILLION };
  },
};

export const queuedBytes = {
  id: 'P2c',
  title: 'heap and external memory of a queued task with a small argument, paused pool',
  unit: 'bytes',
  entries: ['everpool'],
  execArgv: ['--expose-gc'],
  goals: [{ text: '≤ 600 bytes', ratio: ({ everpool }) => everpool, atMost: 600 }],
  async measure() {
    const { pool } = await open();
    pool.pause();
    const count = 200_000;
    const promises = new Array(count);
    const before = usedBytes();
    for (let index = 0; index < count; index += 1) promises[index] = pool.run('echo', [{ index }]);
    await new Promise(setImmediate);
    return { value: (usedBytes() - before) / promises.length };
  },
};

function usedBytes() {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function* numbers(count) {
  for (let index = 0; index < count; index += 1) yield index;
}

const maps = {
  async iterated(pool, count) {
    let results = 0;
    for await (const _ of pool.map('noop', numbers(count), { retries: 1 })) results += 1;
    return results;
  },
  async awaited(pool, count) {
    return (await pool.map('noop', numbers(count), { retries: 1 })).length;
  },
};

async function mapped(pool, how, count) {
  const results = await maps[how](pool, count);
  if (results !== count) throw new Error(`The map gave ${results} results of ${count}.`);
}

export const map = {
  id: 'P3',
  title: 'map of 1,000,000 no-op items from a generator, with retries: 1',
  unit: 'items/s',
  entries: Object.keys(maps),
  goals: [{ text: '≥ 2,000,000 items/s, iterated', ratio: ({ iterated }) => iterated, atLeast: 2 * MILLION }],
  async measure({ entry }) {
    const { pool } = await open();
    await mapped(pool, entry, 200_000);
    const start = performance.now();
    await mapped(pool, entry, MILLION);
    return { value: (MILLION / (performance.now() - start)) * 1000 };
  },
};

/** The same number of items in all, so that the heap has grown as far without the pool. */
const sizes = {
  'iterated, once 1,000,000': ['iterated', MILLION],
  'iterated, 10 × 100,000': ['iterated', 100_000],
  'awaited, once 1,000,000': ['awaited', MILLION],
};
const [large, small] = Object.keys(sizes);

export const mapMemory = {
  id: 'P3b',
  title: 'the same map: most resident memory of the parent',
  unit: 'MB',
  digits: 1,
  entries: Object.keys(sizes),
  isLong: true,
  goals: [{ text: '1,000,000 iterated at once ≤ 1.2 × that of 100,000', ratio: ratio(large, small), atMost: 1.2 }],
  async measure({ entry }) {
    const { pool } = await open();
    const [how, count] = sizes[entry];
    await repeat(() => mapped(pool, how, count), 0, MILLION / count);
    return { value: process.resourceUsage().maxRSS / 1024 };
  },
};
