/** Signals that throw or lie, and other listeners of the same signal that call anything. */
import { OptionsError, Pool } from 'everpool';
import { describe, expect, test } from 'vitest';
import { act, CALLS, expectSound, hostile, LIMIT, names, outcome } from '../../kit/hostile.js';
import { rejection, useKit } from '../../kit/pools.js';

describe('signals', () => {
  useKit();

  const like = (given: object = {}): AbortSignal =>
    Object.defineProperties(
      {},
      {
        ...Object.getOwnPropertyDescriptors({
          aborted: false,
          reason: undefined,
          addEventListener: () => undefined,
          removeEventListener: () => undefined,
          [Symbol.toStringTag]: 'AbortSignal',
        }),
        ...Object.getOwnPropertyDescriptors(given),
      },
    ) as AbortSignal;
  const refuse = (): never => {
    throw Object.create(null);
  };

  test('an object like a signal that throws when it is used is an OptionsError, for a task, a map, a scope and a pool', LIMIT, async () => {
    const pool = hostile();
    const odd = [
      like({ addEventListener: refuse }),
      Object.defineProperty(like(), 'aborted', { get: refuse }),
      Object.create(AbortSignal.prototype) as AbortSignal,
      new Proxy(new AbortController().signal, { get: refuse }),
    ];
    for (const signal of odd) {
      expect(() => pool.run('add', [1, 2], { signal })).toThrow(OptionsError);
      expect(() => pool.map('id', [1], { signal })).toThrow(OptionsError);
      expect(() => pool.scope({ signal })).toThrow(OptionsError);
      expect(() => pool.scope({ signal: AbortSignal.timeout(60_000) }).run('add', [1, 2], { signal })).toThrow(OptionsError);
      expect(() => new Pool({ signal })).toThrow(OptionsError);
    }
    await expectSound(pool);
  });

  test('one whose removeEventListener or reason throws harms nobody', LIMIT, async () => {
    const pool = hostile();
    let fire = (): void => undefined;
    const signal = like({
      removeEventListener: refuse,
      addEventListener: (_: string, listener: () => void) => {
        fire = listener;
      },
      get reason() {
        return refuse();
      },
    });
    expect(await pool.run('add', [1, 2], { signal })).toBe(3);
    const sleeping = pool.run('sleep', [60_000], { signal });
    const inScope = pool.scope({ signal }).run('sleep', [60_000]);
    await sleeping.started;
    fire();
    expect(await rejection(sleeping)).toBeInstanceOf(DOMException);
    expect(await rejection(inScope)).toBeInstanceOf(DOMException);
    await expectSound(pool);
  });

  test('a real one with own methods of the program works, and those are not called', LIMIT, async () => {
    const pool = hostile();
    const controller = new AbortController();
    for (const key of ['addEventListener', 'removeEventListener', 'dispatchEvent'] as const)
      Object.defineProperty(controller.signal, key, { value: refuse });
    Object.defineProperty(controller.signal, 'aborted', { get: refuse });
    Object.defineProperty(controller.signal, 'reason', { get: refuse });
    const { signal } = controller;
    expect(await pool.run('add', [1, 2], { signal })).toBe(3);
    expect(await pool.scope({ signal }).run('add', [1, 2])).toBe(3);
    expect(await pool.map('id', [1], { signal })).toEqual([1]);
    await expectSound(pool);
  });

  test.each(names(CALLS))('another listener of the same signal may call %s on abort', LIMIT, async (call) => {
    const pool = hostile();
    const controller = new AbortController();
    const called: unknown[] = [];
    controller.signal.addEventListener('abort', () => called.push(act(call, pool)));
    const { signal } = controller;
    const tasks = [pool.run('sleep', [60_000], { signal }), pool.run('sleep', [60_000], { signal })];
    await tasks[0]?.started;
    controller.abort(Object.create(null));
    await Promise.all(tasks.map(outcome));
    await Promise.all(called);
    await expectSound(pool);
  });

  test.each(names(CALLS))('a listener of the signal of a scope may call %s when the scope ends', LIMIT, async (call) => {
    const pool = hostile();
    const scope = pool.scope();
    const called: unknown[] = [];
    scope.signal.addEventListener('abort', () => called.push(act(call, pool)));
    const tasks = [scope.run('sleep', [60_000]), scope.scope().run('sleep', [60_000])].map(outcome);
    await scope.kill();
    await Promise.all(tasks);
    await Promise.all(called);
    expect(called).toHaveLength(1);
    await expectSound(pool);
  });

  test('in a worker, a listener of the signal runs in the context of its task', LIMIT, async () => {
    const pool = hostile({ graceMs: 5000 });
    const task = pool.run('asksWhenAborted', [], { softTimeoutMs: 20 });
    expect(await task).toBe(true);
    await expectSound(pool);
  });
});
