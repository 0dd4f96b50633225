/** Pools made and ended under random faults, load and options: every promise of theirs holds. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Pool, PoolBrokenError, type PoolOptions, type Task } from 'everpool';
import { chaos } from 'everpool/testing';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/testing/random.js';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newPool, next, until, useKit } from '../kit/pools.js';

/**
 * `npm run test:chaos` runs five minutes, `npm run test:long` a few seconds; both until enough
 * tasks succeeded and workers died.
 */
const isLong = process.env['EVERPOOL_CHAOS'] === 'long';
const SECONDS_A_SIZE = isLong ? 100 : 6;
const KINDS = ['returns at once', 'sleeps', 'spins', 'listens', 'has a child'] as const;

setFlagsFromString('--expose-gc');
const gc: () => void = runInNewContext('gc');

/** The size of the heap, once the timers of ended pools have run out. */
async function settledHeap(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 500));
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

interface Submitted {
  readonly id: number;
  readonly retries: number;
  readonly size: number;
  readonly task: Task<unknown>;
}

/** What the processes do in between is not drawn, so a seed repeats the choices and not the run. */
const seed = Number(process.env['EVERPOOL_CHAOS_SEED'] ?? Date.now() % 2 ** 31);
const choices = new Random(seed);
const random = (below: number): number => choices.integer(0, below - 1);
const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;

/**
 * How much slower a worker boots now than on a quiet machine (60 ms): the faults leave it time to
 * boot.
 */
async function slowness(): Promise<number> {
  const pool = new Pool({ module: fixture('storm-tasks.js'), size: 1 });
  const { bootMs } = await next(pool, 'workerReady');
  await pool.kill();
  return Math.max(1, bootMs / 60);
}

/** One pool from start to end, under fire, with a user who ends tasks. */
async function stormyPool(
  options: PoolOptions,
  file: string,
  firstId: number,
  total: { kills: number; deaths: number },
): Promise<Submitted[]> {
  // Not a pool of the kit, which would keep a reference to it.
  const pool = new Pool<Record<string, never>>({
    module: fixture('storm-tasks.js'),
    stderr: 'pipe',
    restart: { intensity: 1_000_000, backoff: { maxMs: 50, initialMs: 1 } },
    graceMs: 50,
    killLadder: [{ signal: 'SIGTERM', waitMs: 100 }],
    ...options,
  });
  const slow = await slowness();
  const monkey = chaos(pool, {
    seed: random(2 ** 31),
    everyMs: { min: 5, max: 500 * slow },
    faults: { kill: 6, term: 2, stop: 1, exit: 1, disconnect: 1 },
  });
  const submitted: Submitted[] = [];
  const promises: Promise<unknown>[] = [];
  const end = performance.now() + (1000 + random(2000)) * slow;
  while (performance.now() < end) {
    for (let index = 0; index < 20; index += 1) {
      const id = firstId + submitted.length;
      const retries = pick([0, 0, 3, 50]);
      const size = pick([0, 0, 10, 300_000]);
      const args = [file, id, pick(KINDS), random(pick([5, 50, 200])), 'x'.repeat(size)];
      const task = pool.run('work' as never, args as never, { retries, ...(random(5) === 0 ? { timeoutMs: 100 } : {}) }) as Task<unknown>;
      submitted.push({ id, retries, size, task });
      const isEnded = random(6) === 0;
      promises.push(task.catch(() => undefined));
      if (isEnded) {
        promises.push(
          new Promise((resolve) => setTimeout(resolve, random(100))).then(() => pick([() => task.cancel(), () => task.kill()])()),
        );
      }
    }
    if (random(20) === 0) pool.restart({ rolling: random(2) === 0 }).catch(() => undefined);
    if (random(10) === 0) {
      // All at the same time.
      for (const { pid } of pool.workers()) if (pid !== undefined && isRunning(pid)) process.kill(pid, 'SIGKILL');
    }
    await Promise.race([pool.idle(), new Promise((resolve) => setTimeout(resolve, 300))]);
  }
  await pick([() => pool.close({ timeoutMs: 20_000 * slow }), () => pool.terminate(), () => pool.kill()])();
  await monkey.stop();
  await Promise.all(promises);
  total.kills += monkey.faults;
  total.deaths += pool.stats().deaths;
  const { submitted: count, succeeded, failed, cancelled } = pool.stats();
  expect(succeeded + failed + cancelled).toBe(count);
  return submitted;
}

async function checkLedger(file: string, submitted: readonly Submitted[]): Promise<number> {
  const starts = new Map<number, number>();
  for (const line of linesOf(`${file}.starts`)) {
    const id = Number(line.split(' ')[0]);
    starts.set(id, (starts.get(id) ?? 0) + 1);
  }
  let succeeded = 0;
  for (const { id, retries, size, task } of submitted) {
    expect(starts.get(id) ?? 0, `task ${id}, retries ${retries}`).toBeLessThanOrEqual(1 + retries);
    if (task.state !== 'succeeded') continue;
    succeeded += 1;
    expect(await task).toMatchObject({ id, size });
  }
  return succeeded;
}

describe('chaos: a storm', () => {
  useKit();

  for (const size of [1, 2, 8]) {
    test(`${size} workers: every task settles, none starts too often, and nothing is left`, async () => {
      console.log(`${size} workers: EVERPOOL_CHAOS_SEED=${seed}`);
      const file = `${newFolder()}/storm`;
      const total = { kills: 0, deaths: 0 };
      let nextId = 1;
      let succeeded = 0;
      // A function of its own, so that the values of a round are out of reach after it.
      const round = async (): Promise<void> => {
        const options = {
          size: pick([size, { min: random(size), max: size }]),
          spares: random(2),
          concurrency: pick([1, 1, 3]),
          pipelining: random(4) > 0,
          heartbeat: pick([{ intervalMs: 20, timeoutMs: 100 }, {}]),
          recycle: pick([{}, { afterTasks: 1 + random(20), jitter: 0.5 }, { afterMs: 200 + random(500) }, { aboveRssBytes: 60e6 }]),
          limits: pick([{}, { rssBytes: 90e6 }]),
          diagnose: random(4) === 0,
          idleTimeoutMs: pick([20, 60_000]),
        };
        const submitted = await stormyPool(options, file, nextId, total);
        nextId += submitted.length;
        succeeded += await checkLedger(file, submitted);
      };
      // The first third loads everything that stays: modules, code, the orphan reaper.
      const start = performance.now();
      while (performance.now() < start + SECONDS_A_SIZE * 300) await round();
      const before = await settledHeap();
      while (performance.now() < start + SECONDS_A_SIZE * 1000 || succeeded <= 50 || total.deaths <= 5) await round();
      await until('no grandchild is left', () => !linesOf(`${file}.children`).map(Number).some(isRunning));
      const grown = (await settledHeap()) / before - 1;
      console.log(
        `${size} workers: ${nextId - 1} tasks, ${succeeded} succeeded, ${total.kills} faults, ${total.deaths} deaths, heap ${(grown * 100).toFixed(1)} %`,
      );
      if (isLong) expect(grown).toBeLessThan(0.1);
    });
  }

  test('killing booting workers with the default intensity breaks the pool, which says why and recovers by itself', async () => {
    const pool = newPool({ size: 2, restart: { probeMs: 300 } });
    const broken = next(pool, 'broken');
    const killBooting = ({ pid }: { pid: number }): void => void process.kill(pid, 'SIGKILL');
    pool.on('workerSpawned', killBooting);
    for (const { pid } of pool.workers()) if (pid !== undefined) process.kill(pid, 'SIGKILL');
    const { error } = await broken;
    expect(error).toBeInstanceOf(PoolBrokenError);
    expect(error.death).toMatchObject({ phase: 'boot', signal: 'SIGKILL' });
    const recovered = next(pool, 'recovered');
    pool.off('workerSpawned', killBooting);
    await recovered;
    await expectUsable(pool);
  });
});
