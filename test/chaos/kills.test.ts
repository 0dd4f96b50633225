import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, linesOf, newFolder, newPool, useKit } from '../kit/pools.js';

const isLong = process.env['EVERPOOL_CHAOS'] === 'long';
const WAVE = isLong ? 3000 : 1200;
/** How many kills there are depends on what the workers hold when a task settles, so tasks follow until there were enough. */
const LEAST_KILLS = isLong ? 60 : 20;
/** About as many as two workers do in 50 ms, however fast the machine is; more, while no worker holds a task when they settle. */
const TASKS_BETWEEN_KILLS = { least: 5, most: 40 };

/** Runs the tasks on two workers, with default options, while a worker that holds a task is SIGKILLed again and again. */
async function underFire(retries: number): Promise<{ outcomes: PromiseSettledResult<unknown>[]; lines: string[] }> {
  const file = `${newFolder()}/marks`;
  const pool = newPool();
  await pool.ready();
  let kills = 0;
  let left = TASKS_BETWEEN_KILLS.least;
  pool.on('taskSettled', () => {
    left -= 1;
    if (left > 0) return;
    // One that has finished nothing yet is no healthy worker that dies: some of those in a row break the pool, as they should.
    const busy = pool.workers().filter((worker) => worker.tasks.length > 0 && worker.completed > 0);
    const victim = busy[Math.floor(Math.random() * busy.length)];
    if (victim?.pid === undefined) return;
    const { least, most } = TASKS_BETWEEN_KILLS;
    left = least + Math.floor(Math.random() * (most - least));
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

  test('without retries every task settles, none started twice, and the rejected ones are WorkerDiedErrors', async () => {
    const { outcomes, lines } = await underFire(0);
    expect(new Set(lines).size).toBe(lines.length);
    const rejected = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(rejected.length).toBeGreaterThan(0);
    for (const reason of rejected) expect(reason).toBeInstanceOf(WorkerDiedError);
    expect(lines.length).toBeGreaterThanOrEqual(outcomes.length - rejected.length);
  });
});
