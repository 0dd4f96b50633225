/** cancel() and signals of one task: queued, sent ahead, or running (G6). */
import { TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, isRunning, linesOf, newFolder, newGate, newPool, rejection, useKit } from '../../kit/pools.js';

describe('a cancelled task', () => {
  useKit();

  test('never starts if it was cancelled in the tick of its submission, in the queue, or sent ahead', async () => {
    const pool = newPool({ size: 1 });
    const file = `${newFolder()}/marks`;
    for (let index = 0; index < 50; index += 1) await pool.run('mark', [file, 'warm']);
    const warm = linesOf(file).length;
    const now = pool.run('mark', [file, 'same tick']);
    await now.cancel();
    expect(now.state).toBe('cancelled');
    const gate = newGate();
    const blocker = pool.run('spinUntilFile', [gate.file]);
    await blocker.started;
    const ahead = Array.from({ length: 5 }, () => pool.run('mark', [file, 'behind']));
    await Promise.all(ahead.map((task) => task.cancel()));
    gate.open();
    await blocker;
    for (const task of [now, ...ahead]) expect(await rejection(task)).toBeInstanceOf(TaskCancelledError);
    await expectUsable(pool, 1);
    expect(linesOf(file)).toHaveLength(warm);
  });

  test.each(['untilAborted', 'spinUntilAborted'] as const)('stops if it heeds its signal (%s), and its worker lives on', async (name) => {
    const pool = newPool({ size: 1 });
    const task = pool.run(name);
    const { pid } = await task.started;
    await task.cancel();
    expect(await rejection(task)).toMatchObject({ name: 'TaskCancelledError', forced: false });
    expect(await pool.run('pid')).toBe(pid);
  });

  test('is ended by force if it ignores its signal, and its worker is replaced', async () => {
    const pool = newPool({ graceMs: 50 });
    const task = pool.run('never');
    const { pid } = await task.started;
    await task.cancel('enough');
    expect(isRunning(pid)).toBe(false);
    expect(await rejection(task)).toMatchObject({ name: 'TaskCancelledError', forced: true, reason: 'enough' });
    await expectUsable(pool);
  });

  test('rejects with the reason', async () => {
    const pool = newPool();
    const task = pool.run('untilAborted');
    const heard = task.then(
      () => 'resolved',
      (error: unknown) => error,
    );
    await task.started;
    await task.cancel('enough');
    expect(await heard).toBeInstanceOf(TaskCancelledError);
    expect(await heard).toMatchObject({ reason: 'enough', forced: false });
  });

  test('rejects with the reason of the AbortSignal that cancelled it', async () => {
    const pool = newPool({ graceMs: 50 });
    const control = new AbortController();
    const reason = new Error('the user left');
    const tasks = Array.from({ length: 15 }, () => pool.run('never', [], { signal: control.signal }));
    await tasks[0]?.started;
    control.abort(reason);
    for (const task of tasks) expect(await rejection(task)).toBe(reason);
    expect(await rejection(pool.run('noop', [], { signal: control.signal }))).toBe(reason);
    await expectUsable(pool);
  });

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
  ])('may have any reason: %s', async (_, reason) => {
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
});
