/**
 * A random worker is killed again and again: every task settles, and none starts too often (G1, G2,
 * G3).
 */
import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/testing/random.js';
import { expectUsable, linesOf, newFolder, newPool, useKit } from '../kit/pools.js';

const isLong = process.env['EVERPOOL_CHAOS'] === 'long';
const WAVE = isLong ? 3000 : 1200;
/**
 * The number of kills depends on what workers hold when a task settles, so tasks follow until there
 * were enough.
 */
const LEAST_KILLS = isLong ? 60 : 20;
/**
 * About the tasks of two workers in 50 ms, on any machine; more while no worker holds a task when
 * one settles.
 */
const TASKS_BETWEEN_KILLS = { least: 5, most: 40 };

const seed = Number(process.env['EVERPOOL_CHAOS_SEED'] ?? Date.now() % 2 ** 31);

/**
 * Runs the tasks on two workers, with default options, while a worker that holds a task is
 * SIGKILLed again and again.
 */
async function underFire(retries: number): Promise<{ outcomes: PromiseSettledResult<unknown>[]; lines: string[] }> {
  console.log(`EVERPOOL_CHAOS_SEED=${seed}`);
  const random = new Random(seed);
  const file = `${newFolder()}/marks`;
  const pool = newPool();
  await pool.ready();
  let kills = 0;
  let left = TASKS_BETWEEN_KILLS.least;
  pool.on('taskSettled', () => {
    left -= 1;
    if (left > 0) return;
    // Only workers that have completed a task: deaths of unproven workers in a row would rightly
    // break the pool.
    const busy = pool.workers().filter((worker) => worker.tasks.length > 0 && worker.completed > 0);
    if (busy.length === 0) return;
    const victim = random.pick(busy);
    if (victim.pid === undefined) return;
    const { least, most } = TASKS_BETWEEN_KILLS;
    left = random.integer(least, most - 1);
    process.kill(victim.pid, 'SIGKILL');
    kills += 1;
  });
  const outcomes: PromiseSettledResult<unknown>[] = [];
  while (kills < LEAST_KILLS) {
    const first = outcomes.length;
    const wave = Array.from({ length: WAVE }, (_, index) => pool.run('mark', [file, first + index, 1] as never, { retries }));
    outcomes.push(...(await Promise.allSettled(wave)));
  }
  expect(pool.state).toBe('open');
  await expectUsable(pool);
  await pool.close();
  return { outcomes, lines: linesOf(file) };
}

describe('chaos: a SIGKILL after every few tasks', () => {
  useKit();

  test('with retries all tasks succeed, and the pool is at full size', async () => {
    const { outcomes } = await underFire(100);
    expect(outcomes.filter((outcome) => outcome.status === 'rejected')).toEqual([]);
  });

  test('without retries every task settles, none starts twice, and each rejection is a WorkerDiedError', async () => {
    const { outcomes, lines } = await underFire(0);
    expect(new Set(lines).size).toBe(lines.length);
    const rejected = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(rejected.length).toBeGreaterThan(0);
    for (const reason of rejected) expect(reason).toBeInstanceOf(WorkerDiedError);
    expect(lines.length).toBeGreaterThanOrEqual(outcomes.length - rejected.length);
  });
});
