/** task.started: what it costs, and what it rejects with. */
import { describe, expect, test } from 'vitest';
import { expectSound, hostile, LIMIT } from '../../kit/hostile.js';
import { rejection, useKit } from '../../kit/pools.js';

describe('task.started', () => {
  useKit();

  test('of 5,000 queued tasks takes no timer', LIMIT, async () => {
    const pool = hostile({ size: 1 });
    await pool.ready();
    const blocker = pool.run('sleep', [200]);
    await blocker.started;
    const tasks = Array.from({ length: 5000 }, (_, index) => pool.run('add', [index, 1]));
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const started = tasks.map((task) => task.started);
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length).toBeLessThanOrEqual(before);
    await Promise.all(tasks);
    for (const [index, attempt] of (await Promise.all(started)).entries()) expect(attempt.number, `task ${index}`).toBe(1);
    await expectSound(pool);
  });

  test('rejects with the error of the task, if the task ends before its start', LIMIT, async () => {
    const pool = hostile();
    await pool.ready();
    const blocker = pool.run('sleep', [60_000]);
    await blocker.started;
    const queued = pool.run('add', [1, 2], { queueTimeoutMs: 20 });
    const [start, end] = await Promise.all([rejection(queued.started), rejection(queued)]);
    expect(start).toBe(end);
    const killed = pool.run('add', [1, 2]);
    const { started } = killed;
    void killed.kill('enough');
    expect(await rejection(started)).toBe(await rejection(killed));
    await pool.kill();
  });
});
