/**
 * Callbacks and event listeners that throw anything or call anything, and the context they run in.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { join } from 'node:path';
import { OptionsError, type Pool, TaskCancelledError, type TaskOptions } from 'everpool';
import { describe, expect, test } from 'vitest';
import {
  ANYTHING,
  act,
  CALLS,
  ENDINGS,
  expectSound,
  type HostilePool,
  hostile,
  LIMIT,
  names,
  outcome,
  useWarnings,
} from '../../kit/hostile.js';
import { fixture, linesOf, newFolder, next, rejection, until, useKit } from '../../kit/pools.js';

describe('callbacks', () => {
  useKit();
  const warnings = useWarnings();

  test.each(names(ANYTHING))(
    'onProgress that throws %s becomes a warning: the other callbacks of that turn run, and the task goes on',
    LIMIT,
    async (what) => {
      const pool = hostile();
      const heard: unknown[] = [];
      const settled: number[] = [];
      pool.on('taskSettled', () => {
        throw ANYTHING[what]?.();
      });
      pool.on('taskSettled', ({ taskId }) => settled.push(taskId));
      await Promise.all([
        pool.run('reports', [3], {
          onProgress: (value) => {
            heard.push(value);
            throw ANYTHING[what]?.();
          },
        }),
        pool.run('reports', [2], { onProgress: (value) => heard.push(value) }),
      ]);
      await until('all was heard', () => heard.length === 5 && settled.length === 2 && warnings.length === 5);
      expect(warnings.every(({ name }) => name === 'EverpoolListenerWarning')).toBe(true);
      await expectSound(pool);
    },
  );

  test.each(names(CALLS))('a listener of each event, and onProgress, may call %s', LIMIT, async (call) => {
    const pool = hostile();
    const called: unknown[] = [];
    const hearIt = (): void => {
      if (called.length < 20) called.push(act(call, pool));
    };
    for (const event of ['workerSpawned', 'workerReady', 'taskStarted', 'taskSettled', 'workerDied', 'closed'] as const)
      pool.on(event, hearIt);
    const ends = [pool.run('reports', [2], { onProgress: hearIt }), pool.run('exit', [1]), pool.run('add', [1, 2])].map(outcome);
    await Promise.all(ends);
    await pool.close();
    await Promise.all(called);
    expect(called.length).toBeGreaterThan(0);
    const { submitted, succeeded, failed, cancelled } = pool.stats();
    expect(succeeded + failed + cancelled).toBe(submitted);
  });

  test('retries.delayMs receives the number of the failed attempt, from 1', LIMIT, async () => {
    const pool = hostile();
    const attempts: number[] = [];
    const delayMs = (attempt: number): number => {
      attempts.push(attempt);
      return 1;
    };
    expect(await pool.run('failsUntil', [4, join(newFolder(), 'file')], { retries: { error: 5, delayMs } })).toBe(4);
    expect(attempts).toEqual([1, 2, 3]);
    attempts.length = 0;
    await rejection(pool.run('exit', [1], { retries: { crash: 2, delayMs } }));
    expect(attempts).toEqual([1, 2]);
  });

  const ANSWERS: Record<string, () => unknown> = {
    ...Object.fromEntries(
      Object.entries(ANYTHING).map(([name, make]) => [
        `throws ${name}`,
        () => {
          throw make();
        },
      ]),
    ),
    'returns NaN': () => Number.NaN,
    'returns Infinity': () => Number.POSITIVE_INFINITY,
    'returns -1': () => -1,
    'returns a symbol': () => Symbol('ms'),
    'returns an object whose valueOf throws': () => ({
      valueOf: () => {
        throw new Error('valueOf');
      },
    }),
    'returns a promise': () => Promise.resolve(5),
  };
  test.each(names(ANSWERS))(
    'retries.delayMs that %s means no delay: the task is retried, and a dead worker is replaced',
    LIMIT,
    async (answer) => {
      const pool = hostile();
      const delayMs = ANSWERS[answer] as () => number;
      expect(await pool.run('failsUntil', [2, join(newFolder(), 'file')], { retries: { error: 1, delayMs } })).toBe(2);
      expect((await rejection(pool.run('exit', [1], { retries: { crash: 1, delayMs } })))['code']).toBe('ERR_EVERPOOL_WORKER_DIED');
      expect(pool.stats().deaths).toBe(2);
      await expectSound(pool);
    },
  );

  test.each(names(CALLS))(
    'retries.delayMs may call %s: its task settles, and so do the tasks beside and behind it',
    LIMIT,
    async (call) => {
      const pool = hostile({ concurrency: 2, pipelining: false, restart: { backoff: { initialMs: 1 } } });
      await pool.ready();
      const called: unknown[] = [];
      const file = join(newFolder(), 'starts');
      const delayMs = (): number => {
        called.push(act(call, pool));
        return 1;
      };
      const beside = pool.run('sleep', [100], { retries: { crash: 1, delayMs } });
      await beside.started;
      const ends = [
        beside,
        pool.run('failsUntil', [9, file], { retries: { error: 1, delayMs } }),
        pool.run('exit', [1], { retries: { crash: 1, delayMs } }),
        pool.run('add', [1, 2]),
      ].map(outcome);
      await Promise.all(ends);
      await Promise.all(called);
      expect(called.length).toBeGreaterThan(0);
      if (call in ENDINGS && call !== 'pool.close()' && call !== 'pool.close({ cancelQueued: true })')
        expect(linesOf(file).join('')).toMatch(/^x?$/);
      await expectSound(pool);
    },
  );

  test('retries.delayMs that cancels or kills its own task: it does not start again (G6)', LIMIT, async () => {
    const pool = hostile();
    for (const how of ['cancel', 'kill'] as const) {
      for (const [name, args] of [
        ['failsUntil', [9, join(newFolder(), how)]],
        ['exit', [1]],
      ] as const) {
        let end: Promise<void> | undefined;
        const task: ReturnType<HostilePool['run']> = pool.run(name, args as never, {
          retries: {
            crash: 3,
            error: 3,
            delayMs: () => {
              end = task[how]('enough');
              return 0;
            },
          },
        });
        expect(await rejection(task)).toBeInstanceOf(TaskCancelledError);
        await end;
        expect(task.attempts).toHaveLength(1);
      }
    }
    await expectSound(pool);
  });
});

describe('event listeners', () => {
  useKit();

  test('an unknown event, or a listener that is not a function, is an OptionsError that names the events', LIMIT, () => {
    const pool = hostile();
    for (const method of ['on', 'once', 'off'] as const) {
      for (const event of ['ready', '', 'toString', '__proto__', Symbol('x'), undefined]) {
        expect(() => pool[method](event as never, () => undefined)).toThrow(/event: expected one of workerSpawned, .*taskSettled.*, got/);
      }
      expect(() => pool[method]('closed', {} as never)).toThrow(OptionsError);
    }
  });

  test('a listener added twice is called twice until it is removed; one added by `once` is called once', LIMIT, async () => {
    const pool = hostile();
    let heard = 0;
    const listener = (): void => {
      heard += 1;
    };
    pool.once('taskSettled', listener).once('taskSettled', listener).on('taskSettled', listener);
    await pool.run('add', [1, 2]);
    await until('it has heard thrice', () => heard === 3);
    await pool.run('add', [1, 2]);
    await until('it has heard a fourth time', () => heard === 4);
    pool.off('taskSettled', listener);
    const settled = next(pool as unknown as Pool<object>, 'taskSettled');
    await pool.run('add', [1, 2]);
    await settled;
    expect(heard).toBe(4);
  });

  test('a listener of `broken` may change its error: tasks of the broken pool still reject', LIMIT, async () => {
    const pool = hostile({ module: fixture('no-such-module.js'), restart: { intensity: 0, probeMs: 20 } });
    pool.on('broken', ({ error }) => {
      for (const key of ['message', 'death', 'cause'] as const)
        Object.defineProperty(error, key, {
          get: () => {
            throw new Error(key);
          },
        });
    });
    expect(await rejection(pool.run('add', [1, 2]))).toMatchObject({ code: 'ERR_EVERPOOL_BROKEN' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(await rejection(pool.run('add', [1, 2]))).toMatchObject({ code: 'ERR_EVERPOOL_BROKEN' });
    await pool.close();
  });
});

describe('the async context', () => {
  useKit();

  test('callbacks run in the context of their call, whoever made the pool', LIMIT, async () => {
    const client = new AsyncLocalStorage<string>();
    const pool = client.run('maker', () => hostile());
    await pool.ready();
    const seen: Record<string, Set<unknown>> = {};
    const see = (what: string): number => {
      seen[what] ??= new Set();
      seen[what].add(client.getStore());
      return 1;
    };
    client.run('owner', () => pool.on('taskSettled', () => see('listener')));
    const call = (name: string): Promise<unknown> =>
      client.run(name, async () => {
        const options: TaskOptions = {
          onProgress: () => see(`progress ${name}`),
          retries: { error: 1, crash: 1, delayMs: () => see(`delay ${name}`) },
        };
        await pool.run('reports', [3], options);
        await outcome(pool.run('boom', [], options));
        await outcome(pool.run('exit', [1], options));
        const batch = pool.map('id', [1, 2, 3], options).onProgress(() => see(`batch ${name}`));
        await batch;
        see(`after ${name}`);
      });
    await Promise.all([call('a'), call('b')]);
    await until('all was seen', () => names(seen).length === 9);
    expect(Object.fromEntries(Object.entries(seen).map(([what, stores]) => [what, [...stores]]))).toEqual({
      listener: ['owner'],
      ...Object.fromEntries(
        ['a', 'b'].flatMap((name) => ['progress', 'delay', 'batch', 'after'].map((what) => [`${what} ${name}`, [name]])),
      ),
    });
    await expectSound(pool);
  });
});
