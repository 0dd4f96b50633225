/** Cancels, waits and limits in the odd cases: each was wrong once. */
import { TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, newPool, rejection, useKit } from '../../kit/pools.js';

describe('cancels and waits', () => {
  useKit();

  test.each<[string, unknown]>([
    ['an object without prototype', Object.create(null)],
    [
      'an error whose message throws',
      Object.defineProperty(new Error('x'), 'message', {
        get: () => {
          throw new Error('no');
        },
      }),
    ],
    ['a symbol', Symbol('why')],
  ])('a reason may be anything: %s', async (_, reason) => {
    const pool = newPool({ size: 1 });
    const task = pool.run('sleep', [10_000]);
    const queued = pool.run('noop');
    await task.started;
    await Promise.all([queued.cancel(reason), task.kill(reason)]);
    for (const each of [task, queued]) {
      const error = await rejection(each);
      expect(error).toBeInstanceOf(TaskCancelledError);
      expect(error['reason']).toBe(reason);
    }
    await expectUsable(pool, 1);
  });

  test('idle() waits for the whole map, though its tasks settle together', async () => {
    const pool = newPool({ size: 2 });
    await pool.ready();
    let done = 0;
    const batch = pool.map('noop', Array(400).fill(undefined), { bufferSize: 2 }).then((values) => {
      done = values.length;
    });
    await pool.idle();
    expect(pool.stats().succeeded).toBe(400);
    await batch;
    expect(done).toBe(400);
  });

  test('the soft limit tells its milliseconds', async () => {
    const pool = newPool({ size: 1 });
    expect(await rejection(pool.run('untilAborted', [], { softTimeoutMs: 30 }))).toMatchObject({ timeoutMs: 30, kind: 'run' });
  });

  test('terminate with less grace takes from the grace that a first one had given', async () => {
    const pool = newPool({ size: 1, graceMs: 60_000, killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const task = pool.run('sleep', [60_000]);
    await task.started;
    const first = pool.terminate();
    await Promise.all([first, pool.terminate({ graceMs: 10 })]);
    expect(await rejection(task)).toMatchObject({ forced: true });
  });
});
