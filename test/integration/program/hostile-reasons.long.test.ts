/** Reasons and names of any kind. */
import { inspect } from 'node:util';
import { TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { ANYTHING, act, CALLS, expectSound, hostile, LIMIT, names, outcome } from '../../kit/hostile.js';
import { rejection, useKit } from '../../kit/pools.js';

describe('reasons', () => {
  useKit();

  test.each(names(ANYTHING))('a task, a batch and a scope may be ended with %s as the reason', LIMIT, async (what) => {
    const pool = hostile();
    const reason = ANYTHING[what]?.();
    const running = pool.run('sleep', [60_000]);
    await running.started;
    const queued = pool.run('sleep', [60_000]);
    const batch = pool.map('id', [1, 2, 3]);
    const scope = pool.scope();
    const inside = scope.run('sleep', [60_000]);
    const ends = [running, queued, batch, inside].map(rejection);
    await Promise.all([scope.cancel(reason), batch.kill(reason), queued.cancel(reason), running.cancel(reason)]);
    for (const error of await Promise.all(ends)) {
      expect(error).toBeInstanceOf(TaskCancelledError);
      expect(Object.is(error['reason'], reason)).toBe(true);
    }
    await outcome(pool.killTasks({ reason }));
    await expectSound(pool);
  });

  test.each(names(CALLS))('the message of a reason may be a getter that calls %s', LIMIT, async (call) => {
    const pool = hostile({ concurrency: 2 });
    const called: unknown[] = [];
    const reason = (): Error =>
      Object.defineProperty(new Error('x'), 'message', {
        enumerable: true,
        get() {
          if (called.length < 3) called.push(act(call, pool));
          return 'enough';
        },
      });
    const tasks = [1, 2, 3, 4].map(() => pool.run('sleep', [60_000], { tag: 'all' }));
    await tasks[0]?.started;
    const ends = tasks.map(outcome);
    await tasks[0]?.cancel(reason());
    await pool.killTasks({ reason: reason(), tag: 'all' });
    await Promise.all(ends);
    await Promise.all(called);
    expect(called.length).toBeGreaterThan(0);
    await expectSound(pool);
  });
});

describe('names', () => {
  useKit();

  test('a function for exec may have any name, or a name that cannot be read', LIMIT, async () => {
    const pool = hostile();
    const named = (name: PropertyDescriptor): ((a: number) => number) => Object.defineProperty((a: number) => a + 1, 'name', name);
    for (const name of [
      { value: 5 },
      { value: Object.create(null) },
      { value: '' },
      {
        get: () => {
          throw new Error('name');
        },
      },
    ]) {
      const task = pool.exec(named(name), [1]);
      expect(task.name).toBe('exec');
      expect(await task).toBe(2);
    }
    await expectSound(pool);
  });

  test('a pool and its handles are inspected in one line, whatever their names are', LIMIT, async () => {
    const pool = hostile({ name: 'evil\n\u001b[31mpool\u2028' });
    const odd = `a\nb\u001b[2J\u009b${'c'.repeat(500)}`;
    const task = pool.run('sleep', [60_000], { tag: odd });
    const unknown = pool.run(odd as never);
    unknown.catch(() => undefined);
    const batch = pool.map('id', [1, 2, 3]);
    const stream = pool.stream('counts', [1]);
    const scope = pool.scope({ tag: odd });
    await task.started;
    for (const each of [pool, task, unknown, batch, stream, scope]) {
      const shown = inspect(each);
      expect(shown).toMatch(/^(Pool|Task|Batch|TaskStream|Scope)\b.* \{.*\}$/);
      expect([...shown].every((char) => char >= ' ' && (char < '\u007f' || char > '\u009f') && char !== '\u2028')).toBe(true);
      expect(shown.length).toBeLessThan(400);
      expect(inspect(Object.create(Object.getPrototypeOf(each) as object))).toMatch(/^\w+ \{\}$/);
      expect(inspect({ deep: { deeper: each } })).toContain(shown.slice(0, 4));
    }
    expect(inspect(pool)).toMatch(/open, 1 of 1 workers, \d tasks/);
    expect(inspect(task)).toContain("'sleep' { running");
    expect(inspect(batch)).toContain('of 3 items done');
    await pool.kill();
  });
});
