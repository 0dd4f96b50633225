/** P7, P8, P9: the cost of deaths, and of idle workers. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { median, repeat, sleep } from '../statistics.js';
import { ratio } from './goals.js';

const module = new URL('../tasks.js', import.meta.url);
const UNLIMITED = { intensity: 1e6 };

async function open(options) {
  const { Pool } = await import('everpool');
  return new Pool({ module, ...options });
}

/** Bare Node with the task module, once it has been imported. */
async function bareNode() {
  const script = `await import('${module.href}'); process.stdout.write('x'); setInterval(() => undefined, 1e6);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

/** Milliseconds from a SIGKILL to the first result out of the slot of the killed worker. */
async function killToResult(pool, spares) {
  while (pool.stats().spares < spares) await sleep(2);
  await pool.run('noop');
  const victim = pool.run('never');
  victim.catch(() => undefined);
  const { pid } = await victim.started;
  const start = performance.now();
  process.kill(pid, 'SIGKILL');
  await pool.run('noop');
  return performance.now() - start;
}

const replacements = {
  'without a spare': () => killsWith(0),
  'with a spare': () => killsWith(1),
  async 'bare Node boots'() {
    return async () => {
      const start = performance.now();
      const child = await bareNode();
      child.kill('SIGKILL');
      return performance.now() - start;
    };
  },
};

async function killsWith(spares) {
  const pool = await open({ size: 1, spares, restart: UNLIMITED });
  return () => killToResult(pool, spares);
}

export const replacement = {
  id: 'P7',
  title: 'SIGKILL to the first result from the replaced slot, one worker',
  unit: 'ms',
  digits: 1,
  entries: Object.keys(replacements),
  goals: [
    { text: 'with a spare ≤ 5 ms', ratio: (medians) => medians['with a spare'], atMost: 5 },
    { text: 'without ≤ 1.2 × a boot of bare Node', ratio: ratio('without a spare', 'bare Node boots'), atMost: 1.2 },
  ],
  async measure({ entry, isQuick }) {
    const sample = await replacements[entry]();
    const times = [];
    await repeat(async () => times.push(await sample()), 0, isQuick ? 9 : 25);
    return { value: median(times) };
  },
};

export const storm = {
  id: 'P8',
  title: 'tasks of 1 ms for 30 s (3 s with --quick), 8 in flight, and a SIGKILL a second to a random busy worker',
  unit: 'tasks/s',
  entries: ['a SIGKILL a second', 'undisturbed'],
  extra: { unsettled: '', failed: '', deaths: '' },
  rounds: 3,
  goals: [{ text: '≥ 0.85 × undisturbed', ratio: ratio('a SIGKILL a second', 'undisturbed'), atLeast: 0.85 }],
  async measure({ entry, isQuick }) {
    const pool = await open({ size: 2, restart: UNLIMITED });
    await pool.ready();
    const counts = { submitted: 0, done: 0, failed: 0 };
    const kills = entry === 'undisturbed' ? undefined : setInterval(() => killOne(pool), 1000);
    let isOver = false;
    const start = performance.now();
    const loops = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        counts.submitted += 1;
        await pool.run('spin', [1], { retries: 10 }).then(
          () => (counts.done += 1),
          () => (counts.failed += 1),
        );
      }
    });
    await sleep(isQuick ? 3000 : 30_000);
    isOver = true;
    clearInterval(kills);
    await Promise.race([Promise.all(loops), sleep(10_000)]);
    const { submitted, done, failed } = counts;
    const seconds = (performance.now() - start) / 1000;
    return { value: done / seconds, unsettled: submitted - done - failed, failed, deaths: pool.stats().deaths };
  },
};

function killOne(pool) {
  const busy = pool.workers().filter(({ state }) => state === 'busy');
  const victim = busy[Math.floor(Math.random() * busy.length)];
  if (victim !== undefined) process.kill(victim.pid, 'SIGKILL');
}

/**
 * Proportional set size, with four processes of each kind, so that the same number shares the
 * shared pages.
 */
const idlers = {
  async 'idle worker'() {
    const pool = await open({ size: 4 });
    await pool.ready();
    return pool.workers();
  },
  'bare Node': () => Promise.all(Array.from({ length: 4 }, bareNode)),
};

export const workerMemory = {
  id: 'P9',
  title: 'memory of an idle worker (PSS), and of bare Node with the same module',
  unit: 'MB',
  digits: 1,
  entries: Object.keys(idlers),
  goals: [{ text: '≤ 1.1 × bare Node', ratio: ratio(...Object.keys(idlers)), atMost: 1.1 }],
  async measure({ entry }) {
    const processes = await idlers[entry]();
    await sleep(1000);
    return { value: median(processes.map(({ pid }) => pssOf(pid))) };
  },
};

function pssOf(pid) {
  const [, kib] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(kib) / 1024;
}

export const idleCost = {
  id: 'P9b',
  title: 'processor time of the parent of an idle pool of 64, and of a process without a pool',
  unit: 'ms a second',
  digits: 2,
  limitS: 120,
  rounds: 3,
  entries: ['idle pool of 64', 'no pool'],
  goals: [{ text: '≤ 1 ms a second', ratio: (medians) => medians['idle pool of 64'], atMost: 1 }],
  async measure({ entry, isQuick }) {
    const pool = entry === 'no pool' ? undefined : await open({ size: 64 });
    await pool?.ready();
    // Until V8 has collected the garbage of the start, which is slow and paid once.
    await sleep(isQuick ? 1000 : 20_000);
    const before = process.cpuUsage();
    const seconds = isQuick ? 3 : 20;
    await sleep(seconds * 1000);
    const { user, system } = process.cpuUsage(before);
    return { value: (user + system) / 1000 / seconds };
  },
};
