/** killTasks(): everything, or everything with a tag, ends, and the pool goes on. */
import { describe, expect, test } from 'vitest';
import { expectUsable, newPool, rejection, useKit } from '../../kit/pools.js';

describe('killTasks()', () => {
  useKit();

  test('ends workers that spin, that wait, and that ignore SIGTERM, and the pool goes on', async () => {
    const pool = newPool({ size: 3, killLadder: [{ signal: 'SIGTERM', waitMs: 200 }] });
    const tasks = [pool.run('spinForever'), pool.run('never'), pool.run('ignoreSigterm')];
    await Promise.all(tasks.map((task) => task.started));
    expect(await pool.killTasks()).toBe(3);
    await Promise.all(tasks.map(rejection));
    await expectUsable(pool, 3);
  });

  test('ends 10,000 queued tasks, and 10,000 more run', async () => {
    const pool = newPool();
    const tasks = Array.from({ length: 10_000 }, () => pool.run('never'));
    const outcomes = Promise.allSettled(tasks);
    await tasks[0]?.started;
    expect(await pool.killTasks()).toBe(10_000);
    expect((await outcomes).every((outcome) => outcome.status === 'rejected')).toBe(true);
    expect(await Promise.all(Array.from({ length: 10_000 }, (_, index) => pool.run('echo', [index])))).toHaveLength(10_000);
  });
});
