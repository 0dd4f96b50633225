/**
 * Error.prepareStackTrace and Error.stackTraceLimit, replaced by the program or a task; and whose
 * frames a stack has.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { act, CALLS, expectSound, type HostilePool, hostile, LIMIT, names, outcome } from '../../kit/hostile.js';
import { rejection, useKit } from '../../kit/pools.js';

describe('a replaced Error.prepareStackTrace', () => {
  useKit();
  const { prepareStackTrace, stackTraceLimit } = Error;
  afterEach(() => {
    Error.prepareStackTrace = prepareStackTrace;
    Object.defineProperty(Error, 'stackTraceLimit', { value: stackTraceLimit, writable: true, configurable: true, enumerable: true });
  });

  const WAYS: Record<string, (pool: HostilePool) => unknown> = {
    'returns the call sites': () => undefined,
    'returns a number': () => 5,
    throws: () => {
      throw Object.create(null);
    },
  };
  test.each(names(WAYS))('that %s: a failed task rejects with its error, and so does each task after it', LIMIT, async (way) => {
    const pool = hostile();
    await pool.ready();
    Error.prepareStackTrace = (_error, sites) => WAYS[way]?.(pool) ?? sites;
    const ends = [pool.run('boom'), pool.run('exit', [3]), pool.run('boom')].map((task) =>
      task.then(undefined, (error: Error & { code?: string }) => [error.name, error.code]),
    );
    const batch = pool.map('boom' as never, [1, 2]).settled();
    const all = await Promise.all(ends);
    const outcomes = await batch;
    await pool.close();
    Error.prepareStackTrace = prepareStackTrace;
    expect(all).toEqual([
      ['TypeError', undefined],
      ['WorkerDiedError', 'ERR_EVERPOOL_WORKER_DIED'],
      ['TypeError', undefined],
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  test('that revives the pool while it breaks: each waiting task rejects with PoolBrokenError', LIMIT, async () => {
    const pool = hostile({ module: 'data:text/javascript,throw new Error("it never starts")', restart: { intensity: 0, probeMs: false } });
    const ends = [1, 2, 3].map((n) => pool.run('add', [n, n]).then(undefined, (error: { code?: string }) => error.code));
    let isRevived = false;
    Error.prepareStackTrace = (_error, sites) => {
      if (pool.state === 'broken' && !isRevived) {
        isRevived = true;
        pool.revive();
      }
      return String(sites);
    };
    const codes = await Promise.all(ends);
    Error.prepareStackTrace = prepareStackTrace;
    expect(isRevived).toBe(true);
    expect(codes).toEqual(Array(3).fill('ERR_EVERPOOL_BROKEN'));
  });

  test.each(names(CALLS))('that calls %s while an error is printed: every task settles', LIMIT, async (call) => {
    const pool = hostile({ concurrency: 2, pipelining: false, restart: { backoff: { initialMs: 1 } } });
    await pool.ready();
    const running = pool.run('sleep', [60_000], { retries: 1 });
    await running.started;
    let calls = 0;
    const called: unknown[] = [];
    Error.prepareStackTrace = (_error, sites) => {
      calls += 1;
      if (calls === 1) called.push(act(call, pool));
      return String(sites);
    };
    // The task beside it is an orphan too, and the pool decides on it when the code runs.
    const dies = outcome(pool.run('exit', [1]));
    const queued = outcome(pool.run('add', [1, 2]));
    await dies;
    await queued;
    Error.prepareStackTrace = prepareStackTrace;
    expect(calls).toBeGreaterThan(0);
    await pool.killTasks();
    await outcome(running);
    await Promise.all(called);
    await expectSound(pool);
  });

  const LIMITS: Record<string, PropertyDescriptor> = {
    'a string': { value: 'many', writable: true },
    'not a number': { value: Number.NaN, writable: true },
    'not writable': { value: 10, writable: false },
    'a getter that throws': {
      get() {
        throw new Error('stackTraceLimit');
      },
      set() {
        throw new Error('stackTraceLimit');
      },
    },
  };
  test.each(names(LIMITS))('beside an Error.stackTraceLimit that is %s', LIMIT, async (kind) => {
    const pool = hostile();
    Object.defineProperty(Error, 'stackTraceLimit', { configurable: true, ...LIMITS[kind] });
    const error = await rejection(pool.run('boom'));
    const died = await rejection(pool.run('exit', [1]));
    expect(Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')).toMatchObject({ ...LIMITS[kind] });
    expect(error.message).toBe('boom');
    expect(died['code']).toBe('ERR_EVERPOOL_WORKER_DIED');
    await expectSound(pool);
  });

  test('in a worker fails the task that did it, and the next one runs there', LIMIT, async () => {
    const pool = hostile();
    expect((await rejection(pool.run('breaksStacks'))).message).toBe('after that');
    expect((await rejection(pool.run('boom'))).message).toBe('boom');
    expect(pool.stats().deaths).toBe(0);
    await expectSound(pool);
  });
});

describe('the stack of a task that fails', () => {
  useKit();

  test('has the frames of the program and none of everpool, also in its causes', LIMIT, async () => {
    const pool = hostile();
    const asked = async (run: () => PromiseLike<unknown>): Promise<Error> => await rejection(run());
    const errors = {
      boom: await asked(() => pool.run('boom')),
      deep: await asked(() => pool.tasks.deep(6)),
      failsLater: await asked(() => pool.run('failsLater')),
      exec: await asked(() =>
        pool.exec(() => {
          throw new Error('sent');
        }),
      ),
      scope: await asked(() => pool.scope().tasks.boom()),
      map: await asked(() => pool.map('deep', [2])),
      exit: await asked(() => pool.run('exit', [1])),
    };
    for (const [name, error] of Object.entries(errors)) {
      expect(error.stack, name).not.toMatch(/everpool\/dist|dist\/(worker|pool|supervisor|shared)|node:async_hooks|node:internal/);
      expect(error.stack, name).toMatch(/submitted:\n[\s\S]*hostile-stacks\.long\.test/);
    }
    expect(errors.boom.stack).toMatch(/at boom .*meets-hostile-code\.js/);
    expect(errors.deep.stack?.match(/at deep/g)).toHaveLength(7);
    expect((errors.failsLater.cause as Error).stack).toMatch(/^Error: before\n +at .*failsLater.*$/);
    expect(errors.exec.stack).toContain('<anonymous>');
    await expectSound(pool);
  });
});
