/**
 * System calls: what one costs on this machine, and how many of them a task makes.
 *
 * The cost is measured in this process. `process.ppid` is the cheapest call, `getppid`: subtracted
 * is `process.debugPort`, which Node answers in the same way without a call. The others read and
 * write 8 bytes of an unlinked file in memory, as a control file is: subtracted is a read of no
 * bytes, which Node answers without a call. What Node's C++ adds to a read or a write is contained:
 * a program in C finds 0.4 µs less.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** Short rounds, some of which no other process disturbs: the least counts. */
const CALLS = 500;
const ROUNDS = 40;
/** Tasks of a round. */
const COUNTED = 20_000;

/** Microseconds of each call. */
export function systemCallCosts() {
  const path = join(existsSync(MEMORY) ? MEMORY : tmpdir(), `everpool-bench-${process.pid}`);
  const fd = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  const bytes = new Uint8Array(8);
  const nothing = () => readSync(fd, bytes, 0, 0, 0);
  try {
    const pwrite = cost(() => writeSync(fd, bytes, 0, bytes.length, 0), nothing);
    const pread = cost(() => readSync(fd, bytes, 0, bytes.length, 0), nothing);
    const getppid = cost(
      () => process.ppid,
      () => process.debugPort,
    );
    return { getppid, pread, pwrite };
  } finally {
    closeSync(fd);
  }
}

function cost(call, empty) {
  const [full, bare] = [call, empty].map((each) => Math.min(...Array.from({ length: ROUNDS }, () => time(each))));
  return Number((full - bare).toFixed(2));
}

function time(call) {
  let sum = 0; // a result that is used is not optimised away
  const start = performance.now();
  for (let index = 0; index < CALLS; index += 1) sum += call();
  return sum < 0 ? Number.NaN : ((performance.now() - start) * 1000) / CALLS;
}

/** Why the calls of a task cannot be counted here; undefined if they can. */
export const whyUncounted = existsSync('/proc/self/io') ? undefined : 'this system has no /proc/PID/io';

/**
 * Reads and writes a no-op, in the only worker of the pool and in this process, 512 in flight. The
 * kernel counts reads and writes, and no other calls.
 *
 * On a busy machine a worker reads smaller pieces, which adds calls and takes none away: the least
 * of the rounds counts, and a round with no more than `enough` in the worker is the last. The first
 * ones compile everything, and find out that the tasks are short.
 */
export async function callsOfTask(pool, { rounds = 10, enough = 0 } = {}) {
  await pool.ready();
  const [{ pid }] = pool.workers();
  let least = { worker: Number.POSITIVE_INFINITY, parent: Number.POSITIVE_INFINITY };
  for (let round = 0; round < rounds && least.worker > enough; round += 1) {
    const calls = await callsOfRound(pool, pid, COUNTED);
    if (calls.worker < least.worker) least = calls;
  }
  return least;
}

async function callsOfRound(pool, pid, count) {
  let left = count;
  const loop = async () => {
    for (; left > 0; left -= 1) await pool.run('noop');
  };
  const before = [callsOf(pid), callsOf('self')];
  const loops = Array.from({ length: Math.min(512, count) }, loop);
  await Promise.all(loops);
  const [worker, parent] = [callsOf(pid), callsOf('self')].map((calls, index) => (calls - before[index]) / count);
  return { worker, parent };
}

function callsOf(pid) {
  const [, reads, writes] = /^syscr: (\d+)\nsyscw: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'));
  return Number(reads) + Number(writes);
}
