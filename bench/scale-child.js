/** One measurement of scale.js, in a process of its own: `node scale-child.js <JSON>` prints JSON. */
import { readdirSync } from 'node:fs';
import { Pool } from '../dist/index.js';
import { median, repeat, sleep } from './statistics.js';
import { cpuSeconds, descendants, pssMib, sum } from './tree.js';

const module = new URL('./tasks.js', import.meta.url);
const MIB = 2 ** 20;
const STEPS = 10;

const descriptors = () => readdirSync('/proc/self/fd').length;
const heapMib = () => {
  globalThis.gc();
  return process.memoryUsage().heapUsed / MIB;
};

/** Counts the deaths that nobody requested, by cause. */
function deathsOf(...all) {
  const deaths = {};
  const count = ({ death: { cause, requested } }) => {
    if (!requested) deaths[cause] = (deaths[cause] ?? 0) + 1;
  };
  for (const pool of all) pool.on('workerDied', count);
  return deaths;
}

const shown = (deaths) => {
  const causes = Object.entries(deaths).map(([cause, count]) => `${count} ${cause}`);
  return causes.join(', ') || 'none';
};

async function workers({ size, isQuick }) {
  const before = descriptors();
  const start = performance.now();
  const pool = new Pool({ module, size });
  const deaths = deathsOf(pool);
  let firstMs;
  pool.once('workerReady', () => {
    firstMs = performance.now() - start;
  });
  try {
    await pool.ready();
  } catch (error) {
    await pool.kill();
    return { deaths: shown(deaths), error: `${error.code}: ${error.message.split('\n')[0]}` };
  }
  const readyMs = performance.now() - start;
  await sleep(isQuick ? 500 : 5000); // the garbage of the start is collected
  const [parent, others] = [[process.pid], descendants(process.pid)];
  const pss = sum(others.map(pssMib));
  const used = () => [parent, others].map((pids) => sum(pids.map(cpuSeconds)));
  const seconds = isQuick ? 1 : 10;
  const idle = used();
  await sleep(seconds * 1000);
  const [parentMs, workersMs] = used().map((after, index) => ((after - idle[index]) * 1000) / seconds);
  const samples = [];
  const call = async () => {
    const since = performance.now();
    await pool.run('noop');
    samples.push((performance.now() - since) * 1000);
  };
  await repeat(call, 200, 1000);
  samples.length = 0;
  await repeat(call, 0, 2000);
  const descriptorsAWorker = (descriptors() - before) / size;
  const closing = performance.now();
  await pool.close();
  return {
    'first ready, ms': firstMs,
    'all ready, ms': readyMs,
    'PSS, MiB': pss,
    'idle parent, ms/s': parentMs,
    'idle workers, ms/s': workersMs,
    'p50, µs': median(samples),
    'descriptors each': descriptorsAWorker,
    'closed, ms': performance.now() - closing,
    deaths: shown(deaths),
    'left over': descendants(process.pid).length,
  };
}

/** At the end of each tenth: what a pool took, and what is left of all so far. */
async function pools({ count }) {
  const rows = [];
  const step = Math.max(1, Math.floor(count / STEPS));
  for (let made = 0; made < count; ) {
    const start = performance.now();
    for (let index = 0; index < step; index += 1, made += 1) {
      const pool = new Pool({ module, size: 1 });
      await pool.run('noop');
      await pool.close();
    }
    const ms = (performance.now() - start) / step;
    const figures = { 'ms a pool': ms, 'heap, MiB': heapMib(), 'RSS, MiB': process.memoryUsage.rss() / MIB };
    rows.push([`after ${made}`, { ...figures, descriptors: descriptors(), processes: descendants(process.pid).length }]);
  }
  return { rows };
}

async function poolsAtOnce({ count }) {
  const start = performance.now();
  const all = Array.from({ length: count }, () => new Pool({ module, size: 1 }));
  const deaths = deathsOf(...all);
  const results = await Promise.allSettled(all.map((pool) => pool.run('noop')));
  const readyMs = performance.now() - start;
  const failed = results.filter(({ status }) => status === 'rejected').length;
  await Promise.all(all.map((pool) => pool.close()));
  return { 'all have answered, ms': readyMs, failed, deaths: shown(deaths), 'closed after, ms': performance.now() - start };
}

const { of, ...what } = JSON.parse(process.argv[2]);
const figures = await { workers, pools, 'pools at once': poolsAtOnce }[of](what);
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit());
