/** Processor time and memory of this process and all its descendants. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_A_SECOND = 100;
const SAMPLE_MS = 100;
/** Of the fields after the name: user and system time, its own and of the children that it has awaited. */
const TIME_FIELDS = [11, 12, 13, 14];

const read = (path) => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // it has ended meanwhile
  }
};

function children(pid) {
  let threads = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    // it has ended meanwhile
  }
  return threads.flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number));
}

export const descendants = (pid) => children(pid).flatMap((child) => [child, ...descendants(child)]);

/** Seconds of processor time that a process and its awaited children have used. */
export function cpuSeconds(pid) {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' ? 0 : TIME_FIELDS.reduce((sum, field) => sum + Number(fields[field]), 0) / TICKS_A_SECOND;
}

/** Proportional set size in MiB; 0 of a process that has ended. */
export const pssMib = (pid) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) / 1024;

export const sum = (list) => list.reduce((total, value) => total + value, 0);

/**
 * What `work` uses: seconds of processor time, and the most memory at once, sampled. `isApart`: the
 * work is in other processes alone, so the memory of this one does not count.
 */
export async function usageOf(work, { isApart = false } = {}) {
  const self = process.pid;
  const everyone = () => [self, ...descendants(self)];
  let peakMib = 0;
  const sample = () => {
    peakMib = Math.max(peakMib, sum((isApart ? descendants(self) : everyone()).map(pssMib)));
  };
  const before = sum(everyone().map(cpuSeconds));
  const timer = setInterval(sample, SAMPLE_MS);
  const start = performance.now();
  const result = await work();
  const wallS = (performance.now() - start) / 1000;
  sample();
  clearInterval(timer);
  return { result, wallS, cpuS: sum(everyone().map(cpuSeconds)) - before, peakMib };
}
