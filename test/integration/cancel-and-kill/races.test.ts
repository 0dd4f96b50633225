/** cancel() against everything that can happen at the same time. */
import type { Pool, Task } from 'everpool';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectUsable, linesOf, newFolder, newPool, useKit } from '../../kit/pools.js';

/** What a task does, and what is done to it meanwhile. */
const race = fc.record({
  ms: fc.integer({ min: 0, max: 6 }),
  how: fc.constantFrom('mark', 'markAsync', 'exit', 'throws'),
  crash: fc.constantFrom(0, 0, 2),
  timeoutMs: fc.constantFrom(undefined, undefined, 3),
  end: fc.constantFrom('none', 'cancel', 'kill', 'signal'),
  afterMs: fc.integer({ min: 0, max: 6 }),
});
const STATES: Record<string, string> = { TaskCancelledError: 'cancelled', AbortError: 'cancelled' };

describe('races of a cancel', () => {
  useKit();

  test('against success, failure, timeout, death and retry: each task settles once, in a state that fits', async () => {
    const seed = Date.now() % 2 ** 31;
    const races = fc.sample(race, { seed, numRuns: 400 });
    const pool: Pool<never> = newPool({
      graceMs: 5,
      killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }],
      restart: { intensity: 1000 },
    }) as never;
    const file = `${newFolder()}/marks`;
    const submitted = races.map(({ ms, how, crash, timeoutMs, end, afterMs }, index) => {
      const controller = new AbortController();
      const args = how === 'exit' ? [5] : how === 'throws' ? ['on purpose'] : [file, String(index), ms];
      const task = pool.run(how as never, args as never, {
        retries: { crash },
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(end === 'signal' ? { signal: controller.signal } : {}),
      }) as Task<unknown>;
      let settled = 0;
      const outcome = task.then(
        () => {
          settled += 1;
          return 'succeeded';
        },
        (error: Error) => {
          settled += 1;
          return STATES[error.name] ?? 'failed';
        },
      );
      const ended = new Promise((resolve) => setTimeout(resolve, afterMs * (index % 40))).then(() => {
        if (end === 'signal') controller.abort();
        else if (end !== 'none') return task[end]();
        return undefined;
      });
      return { task, outcome, ended, settled: () => settled };
    });
    const counts: Record<string, number> = { succeeded: 0, failed: 0, cancelled: 0 };
    for (const [index, { task, outcome, ended, settled }] of submitted.entries()) {
      const state = await outcome;
      await ended;
      counts[state] = (counts[state] as number) + 1;
      const story = `seed ${seed}, task ${index}: ${JSON.stringify(races[index])}`;
      expect(task.state, story).toBe(state);
      expect(settled(), story).toBe(1);
      const marks = linesOf(file).filter((line) => line === String(index)).length;
      expect(marks, story).toBeLessThanOrEqual(1 + (races[index]?.crash ?? 0));
      expect(task.attempts.length, story).toBeGreaterThanOrEqual(marks);
    }
    await pool.idle();
    expect(pool.stats()).toMatchObject({ submitted: races.length, queued: 0, running: 0, waiting: 0, ...counts });
    await expectUsable(pool as never);
  });

  test('against the next task on the same worker: that is never hurt, nor credited with a late reply', async () => {
    const pool = newPool({ size: 1, graceMs: 20 });
    for (let round = 0; round < 30; round += 1) {
      const a = pool.run('spin', [round % 10]);
      await a.started;
      const cancelled = a.cancel();
      const b = pool.run('echo', [`b${round}`]);
      expect(await b).toBe(`b${round}`);
      await cancelled;
      await Promise.allSettled([a]);
    }
  });
});
