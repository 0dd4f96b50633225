/**
 * Getters among the arguments, which run while they are encoded, throw anything or call anything.
 */
import { PoolClosedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { ANYTHING, act, CALLS, ENDINGS, expectSound, getter, type HostilePool, hostile, LIMIT, names, outcome } from '../../kit/hostile.js';
import { rejection, useKit } from '../../kit/pools.js';

describe('getters among the arguments', () => {
  useKit();

  const SUBMISSIONS: Record<string, (pool: HostilePool, value: object) => PromiseLike<unknown>> = {
    run: (pool, value) => pool.run('id', [value]),
    'pool.tasks': (pool, value) => pool.tasks.id(value),
    exec: (pool, value) => pool.exec((given: unknown) => given, [value]),
    stream: async (pool, value) => {
      for await (const _ of pool.stream('counts', [value as never]));
    },
    'run in a scope': (pool, value) => pool.scope().run('id', [value]),
    map: (pool, value) => pool.map('id', [1, value, 2]).settled(),
    'map in chunks': (pool, value) => pool.map('id', [1, value, 2], { chunkSize: 2, retries: 1 }).settled(),
    starmap: (pool, value) =>
      pool
        .starmap('add', [
          [1, 2],
          [value as never, 1],
        ])
        .settled(),
  };
  const cases = names(SUBMISSIONS).flatMap((how) => names(CALLS).map((call) => [how, call] as const));
  test.each(cases)('%s: one that calls %s leaves nothing waiting', LIMIT, async (how, call) => {
    const pool = hostile({ queueLimit: 50 });
    await pool.ready();
    const called: unknown[] = [];
    const value = getter(() => {
      if (called.length < 5) called.push(act(call, pool));
      return 1;
    });
    const end = await outcome(SUBMISSIONS[how]?.(pool, value) as PromiseLike<unknown>);
    expect(called.length).toBeGreaterThan(0);
    if (call in ENDINGS && ['run', 'pool.tasks', 'exec', 'stream', 'run in a scope'].includes(how))
      expect(end).toBeInstanceOf(PoolClosedError);
    await Promise.all(called);
    await expectSound(pool);
  });

  test.each(names(ANYTHING))('one that throws %s fails its own task, with the path to the getter', LIMIT, async (what) => {
    const pool = hostile();
    const value = getter(() => {
      throw ANYTHING[what]?.();
    });
    for (const task of [pool.run('id', [value]), pool.exec((x: unknown) => x, [value])]) {
      expect(await rejection(task)).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', message: expect.stringContaining('.x') });
    }
    const outcomes = await pool.map('id', [1, value, 2], { chunkSize: 3, retries: 1 }).settled();
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expectSound(pool);
  });

  test('one that aborts the signal of its own call: the task never starts, and rejects with the reason', LIMIT, async () => {
    const pool = hostile();
    const fires = (): { signal: AbortSignal; value: object } => {
      const controller = new AbortController();
      return { signal: controller.signal, value: getter(() => controller.abort('now')) };
    };
    for (const submit of [
      ({ signal, value }: ReturnType<typeof fires>) => pool.run('id', [value], { signal }),
      ({ signal, value }: ReturnType<typeof fires>) => pool.exec((x: unknown) => x, [value], { signal }),
      ({ signal, value }: ReturnType<typeof fires>) => pool.scope({ signal }).run('id', [value]),
      ({ signal, value }: ReturnType<typeof fires>) => pool.map('id', [value], { signal }),
      ({ signal, value }: ReturnType<typeof fires>) => pool.map('id', [value, 1, 2], { signal, chunkSize: 2, retries: 1 }),
    ]) {
      expect(await outcome(submit(fires()))).toBe('now');
    }
    expect(pool.stats().succeeded).toBe(0);
    await expectSound(pool);
  });

  test('one that fills the queue: its own task is refused by the limit', LIMIT, async () => {
    const pool = hostile({ queueLimit: 2 });
    await pool.ready();
    const others: unknown[] = [];
    const value = getter(() => {
      for (let count = 0; count < 3; count += 1) others.push(outcome(pool.run('add', [1, 2])));
    });
    expect(await rejection(pool.run('id', [value]))).toMatchObject({ code: 'ERR_EVERPOOL_QUEUE_FULL' });
    expect(await Promise.all(others)).toEqual([3, 3, 3]);
    await expectSound(pool);
  });
});
