/**
 * One measurement of growth (growth.js), in a process of its own: `node growth-child.js <JSON>`
 * prints one figure, measured on the simulated platform. Each measurement runs the same number of
 * tasks beforehand, so that a short one does not measure colder code.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { simulatedPool, TASK } from './platform.js';

const WARM_TASKS = 50_000;
/**
 * Small numbers are measured repeatedly, up to this number of tasks, so that each has its share of
 * garbage collection.
 */
const LEAST_TASKS = 100_000;
const PRIORITIES = 16;

/** Draws the same numbers each time (xorshift). */
function seeded(seed, limit) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

const loads = {
  plain: (pool, index) => pool.run(TASK, [index]),
  mixed: (pool, index, random) => pool.run(TASK, [index], { priority: random() }),
  cancelled: (pool, index) => pool.run(TASK, [index]),
};

const bodies = {
  nothing: () => undefined,
  number: (index) => [index],
  object: (index) => [{ id: index, name: 'a task like any other', path: '/data/2026/11/26/readings.csv', isUrgent: false, size: 1200 }],
};

/** Queues `count` tasks together, and awaits them. */
async function queueAndRun(pool, load, count) {
  const random = seeded(1, PRIORITIES);
  const tasks = [];
  for (let index = 0; index < count; index += 1) tasks.push(loads[load](pool, index, random));
  const isCancelled = (index) => load === 'cancelled' && index % 10 === 0;
  for (let index = 0; index < count; index += 10) if (isCancelled(index)) void tasks[index].cancel();
  for (let index = 0; index < count; index += 1) if (!isCancelled(index)) await tasks[index];
}

/** Microseconds per task. */
async function cost({ load, count, workers }) {
  const pool = await simulatedPool({ size: workers });
  for (let done = 0; done < WARM_TASKS; done += 10_000) await queueAndRun(pool, load, 10_000);
  globalThis.gc();
  const rounds = Math.ceil(LEAST_TASKS / count);
  const start = performance.now();
  for (let round = 0; round < rounds; round += 1) await queueAndRun(pool, load, count);
  return ((performance.now() - start) * 1000) / (rounds * count);
}

/** Bytes, on and off the heap, of each queued task with a promise that is kept. */
async function memory({ body, count }) {
  const pool = await simulatedPool({ size: 2 });
  for (let done = 0; done < WARM_TASKS; done += 10_000) await queueAndRun(pool, 'plain', 10_000);
  pool.pause();
  const tasks = new Array(count).fill(undefined);
  const used = async () => {
    await turn();
    globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = await used();
  for (let index = 0; index < count; index += 1) tasks[index] = pool.run(TASK, bodies[body](index));
  const after = await used();
  if (pool.stats().queued !== count || tasks.length !== count) throw new Error('not all of them are queued');
  return (after - before) / count;
}

const { of, ...what } = JSON.parse(process.argv[2]);
console.log(await (of === 'cost' ? cost(what) : memory(what)));
process.exit();
