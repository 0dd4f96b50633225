import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, linesOf, newFolder, newPool, useKit } from '../kit.js';

const TASKS = 3000;
const KILL_EVERY_MS = 50;

/** Runs the tasks on two workers, with default options, while a worker that holds a task is SIGKILLed again and again. */
async function underFire(retries: number): Promise<{ outcomes: PromiseSettledResult<unknown>[]; lines: string[]; kills: number }> {
  const file = `${newFolder()}/marks`;
  const pool = newPool();
  await pool.ready();
  let kills = 0;
  const killer = setInterval(() => {
    const busy = pool.workers().filter((worker) => worker.tasks.length > 0);
    const victim = busy[Math.floor(Math.random() * busy.length)];
    if (victim?.pid === undefined) return;
    process.kill(victim.pid, 'SIGKILL');
    kills += 1;
  }, KILL_EVERY_MS);
  const tasks = Array.from({ length: TASKS }, (_, index) => pool.run('mark', [file, index, 1] as never, { retries }));
  const outcomes = await Promise.allSettled(tasks);
  clearInterval(killer);
  expect(pool.state).toBe('open');
  await expectUsable(pool);
  await pool.close();
  return { outcomes, lines: linesOf(file), kills };
}

describe('chaos: a SIGKILL every 50 ms', () => {
  useKit();

  test('O02: with retries all 3,000 tasks succeed, and the pool is at full size', async () => {
    const { outcomes, kills } = await underFire(100);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(TASKS);
    expect(kills).toBeGreaterThan(20);
  });

  test('O03: without retries every task settles, none started twice, and the rejected ones are WorkerDiedErrors', async () => {
    const { outcomes, lines } = await underFire(0);
    expect(outcomes).toHaveLength(TASKS);
    expect(new Set(lines).size).toBe(lines.length);
    const rejected = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(rejected.length).toBeGreaterThan(0);
    for (const reason of rejected) expect(reason).toBeInstanceOf(WorkerDiedError);
    expect(lines.length).toBeGreaterThanOrEqual(TASKS - rejected.length);
  });
});
