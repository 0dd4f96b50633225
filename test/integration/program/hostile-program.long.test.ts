/**
 * Code of the program runs in the middle of the pool: getters, callbacks, listeners, signals. Whatever it throws, calls or
 * replaces, its own task may fail, and never another, nor the pool (G1, G9). The table is in docs/testing.md.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { OptionsError, Pool, PoolClosedError, type PoolOptions, TaskCancelledError, type TaskOptions } from 'everpool';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fixture, linesOf, newFolder, newPool, next, rejection, until, useKit } from '../../kit/pools.js';

interface Hostile {
  add(a: number, b: number): number;
  id(value: unknown): unknown;
  getData(): unknown;
  sleep(ms: number): Promise<void>;
  exit(code: number): void;
  boom(): void;
  failsUntil(n: number, file: string): number;
  reports(count: number): void;
  counts(to: number): Generator<number>;
  givesOddValues(kind: string): Iterable<unknown>;
  progressOf(kind: string): string | undefined;
  throwsAnything(kind: string): void;
  givesOddThen(kind: string): unknown;
  asksWhenAborted(): unknown;
  breaksStacks(): void;
  deep(depth: number): void;
  failsLater(): Promise<void>;
}
type HostilePool = Pool<Hostile>;

const LIMIT = { timeout: 20_000 };
const hostile = (options: PoolOptions = {}): HostilePool =>
  newPool<Hostile>({ module: fixture('meets-hostile-code.js'), size: 1, graceMs: 50, ...options });

/** What a program can throw. */
const ANYTHING: Record<string, () => unknown> = {
  'an object without a prototype': () => Object.create(null),
  undefined: () => undefined,
  'a frozen object': () => Object.freeze({ toString: undefined }),
  'a symbol': () => Symbol('thrown'),
  'a proxy that throws': () =>
    new Proxy(new Error('behind it'), {
      get() {
        throw new Error('a trap');
      },
      getPrototypeOf() {
        throw new Error('a trap');
      },
    }),
};

/** What it can call. Each ends, or tries to end, what runs or the whole pool. */
const ENDINGS: Record<string, (pool: HostilePool) => unknown> = {
  'pool.kill()': (pool) => pool.kill(),
  'pool.terminate()': (pool) => pool.terminate(),
  'pool.close()': (pool) => pool.close(),
  'pool.close({ cancelQueued: true })': (pool) => pool.close({ cancelQueued: true }),
};
const CALLS: Record<string, (pool: HostilePool) => unknown> = {
  ...ENDINGS,
  'pool.killTasks()': (pool) => pool.killTasks(),
  'pool.restart()': (pool) => pool.restart(),
  'pool.run()': (pool) => pool.run('add', [1, 1]),
  'pool.resize(2)': (pool) => pool.resize(2),
  'pool.killWorker()': (pool) => pool.workers()[0] && pool.killWorker(pool.workers()[0]?.id as number),
};
/** What becomes of the call is its caller's business, and no unhandled rejection here. */
const act = (call: string, pool: HostilePool): Promise<unknown> => outcome((async () => await CALLS[call]?.(pool))());
const names = (table: object): string[] => Object.keys(table);

/** An object whose property runs code when it is read. */
function getter(run: () => unknown): object {
  return Object.defineProperty({}, 'x', { enumerable: true, get: run });
}

/** Whatever became of it, it has settled. */
async function outcome(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return error;
  }
}

/** Whatever the code called, other tasks and the end of the pool are as they were. */
async function expectSound(pool: HostilePool): Promise<void> {
  if (pool.state === 'open') expect(await pool.run('add', [1, 2])).toBe(3);
  await pool.close();
  expect(pool.state).toBe('closed');
  const { submitted, succeeded, failed, cancelled } = pool.stats();
  expect(succeeded + failed + cancelled).toBe(submitted);
}

const warnings: Error[] = [];
const hear = (warning: Error): number => warnings.push(warning);
beforeEach(() => {
  warnings.length = 0;
  process.on('warning', hear);
});
afterEach(() => {
  process.off('warning', hear);
});

describe('how stacks are printed, replaced by the program', () => {
  useKit();
  const { prepareStackTrace, stackTraceLimit } = Error;
  afterEach(() => {
    Error.prepareStackTrace = prepareStackTrace;
    Object.defineProperty(Error, 'stackTraceLimit', { value: stackTraceLimit, writable: true, configurable: true, enumerable: true });
  });

  const WAYS: Record<string, (pool: HostilePool) => unknown> = {
    'gives the call sites': () => undefined,
    'gives a number': () => 5,
    throws: () => {
      throw Object.create(null);
    },
  };
  test.each(names(WAYS))(
    'a task that fails, or whose worker dies, rejects with its error, and so does each after it: one that %s',
    LIMIT,
    async (way) => {
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
    },
  );

  test('one that revives the pool while it breaks: each task that waited rejects with PoolBrokenError', LIMIT, async () => {
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

  test.each(names(CALLS))('one that calls %s while an error is printed: every task settles', LIMIT, async (call) => {
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
    // Its neighbour is an orphan too, about which is being decided when the code runs.
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
    'no number': { value: Number.NaN, writable: true },
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
  test.each(names(LIMITS))('Error.stackTraceLimit is %s', LIMIT, async (kind) => {
    const pool = hostile();
    Object.defineProperty(Error, 'stackTraceLimit', { configurable: true, ...LIMITS[kind] });
    const error = await rejection(pool.run('boom'));
    const died = await rejection(pool.run('exit', [1]));
    expect(Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')).toMatchObject({ ...LIMITS[kind] });
    expect(error.message).toBe('boom');
    expect(died['code']).toBe('ERR_EVERPOOL_WORKER_DIED');
    await expectSound(pool);
  });

  test('a task that breaks them in its worker fails, and the next one runs there', LIMIT, async () => {
    const pool = hostile();
    expect((await rejection(pool.run('breaksStacks'))).message).toBe('after that');
    expect((await rejection(pool.run('boom'))).message).toBe('boom');
    expect(pool.stats().deaths).toBe(0);
    await expectSound(pool);
  });
});

describe('callbacks', () => {
  useKit();

  test.each(names(ANYTHING))(
    'onProgress that throws %s is a warning: the other callbacks of that turn run, and the task goes on',
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

  test('retries.delayMs gets the number of the failed attempt, from 1', LIMIT, async () => {
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
    'gives NaN': () => Number.NaN,
    'gives Infinity': () => Number.POSITIVE_INFINITY,
    'gives -1': () => -1,
    'gives a symbol': () => Symbol('ms'),
    'gives an object whose valueOf throws': () => ({
      valueOf: () => {
        throw new Error('valueOf');
      },
    }),
    'gives a promise': () => Promise.resolve(5),
  };
  test.each(names(ANSWERS))(
    'retries.delayMs that %s means no delay: the task is retried, and the place of a dead worker is filled',
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

  test.each(names(CALLS))('retries.delayMs may call %s: its task settles, and so do those beside and behind it', LIMIT, async (call) => {
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
  });

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

  test.each(names(ANYTHING))('one that throws %s fails its own task, and says where it stands', LIMIT, async (what) => {
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

  test('one that fires the signal of its own call: the task never starts, and rejects with the reason', LIMIT, async () => {
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

  test('one that fills the queue: its own task is refused, as the limit says', LIMIT, async () => {
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

  test('what looks like a signal and throws when it is used is a wrong option, for a task, a map, a scope and a pool', LIMIT, async () => {
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

  test('one whose removeEventListener throws, or whose reason does, harms nobody', LIMIT, async () => {
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

  test('a real one with methods of the program on it is used past them', LIMIT, async () => {
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

  test.each(names(CALLS))('another listener of the same signal may call %s when it fires', LIMIT, async (call) => {
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

  test.each(names(CALLS))('a listener of the signal of a scope may call %s when it ends', LIMIT, async (call) => {
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

  test('in a worker, a listener of the signal belongs to its task', LIMIT, async () => {
    const pool = hostile({ graceMs: 5000 });
    const task = pool.run('asksWhenAborted', [], { softTimeoutMs: 20 });
    expect(await task).toBe(true);
    await expectSound(pool);
  });
});

describe('reasons, names and values', () => {
  useKit();

  test.each(names(ANYTHING))('a task, a batch and a scope may be ended for %s', LIMIT, async (what) => {
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

  test.each(names(CALLS))('a reason whose message is a getter that calls %s', LIMIT, async (call) => {
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

  test('what a task throws, or gives as a thenable, may be anything', LIMIT, async () => {
    const pool = hostile();
    for (const kind of ['null prototype', 'undefined', 'frozen', 'proxy', 'symbol', 'getters']) {
      let settled = false;
      await pool.run('throwsAnything', [kind]).then(undefined, () => {
        settled = true;
      });
      expect(settled, kind).toBe(true);
    }
    expect((await rejection(pool.run('givesOddThen', ['throws']))).message).toBe('the getter of then');
    expect(await outcome(pool.run('givesOddThen', ['rejects with nothing']))).toBeUndefined();
    await outcome(pool.run('givesOddThen', ['other']));
    expect(pool.stats().deaths).toBe(0);
    await expectSound(pool);
  });

  test.each(names(CALLS))(
    'a `then` on the prototype of all objects, which each promise asks for, may call %s or throw',
    LIMIT,
    async (call) => {
      const pool = hostile();
      await pool.ready();
      const called: unknown[] = [];
      const results: unknown[] = [];
      const tasks = [pool.run('id', [{ a: 1 }]), pool.run('add', [1, 2]), pool.run('id', [{ a: 2 }])];
      for (const task of tasks)
        Promise.prototype.then.call(
          task,
          (value) => results.push(value),
          (error) => results.push(error),
        );
      Object.defineProperty(Object.prototype, 'then', {
        configurable: true,
        get() {
          const isResult = Object.hasOwn(this as object, 'a');
          if (isResult && called.length === 0) called.push(act(call, pool));
          if (isResult) throw new RangeError('then');
          return undefined;
        },
      });
      try {
        await until('all have settled', () => results.length === 3);
      } finally {
        Reflect.deleteProperty(Object.prototype, 'then');
      }
      expect(called).toHaveLength(1);
      await Promise.all(called);
      await expectSound(pool);
    },
  );

  test('Symbol.hasInstance of Error, replaced by the program, is not asked', LIMIT, async () => {
    const pool = hostile();
    await pool.ready();
    Object.defineProperty(Error, Symbol.hasInstance, {
      configurable: true,
      value: refuseInstances,
    });
    let errors: string[];
    try {
      errors = (await Promise.all([pool.run('boom'), pool.run('exit', [1])].map(outcome))).map((error) => (error as Error).name);
    } finally {
      Reflect.deleteProperty(Error, Symbol.hasInstance);
    }
    expect(errors).toEqual(['TypeError', 'WorkerDiedError']);
    await expectSound(pool);
    function refuseInstances(): never {
      throw new Error('hasInstance');
    }
  });

  test('a function for exec may have any name, or none that can be read', LIMIT, async () => {
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

  test('what is shown of a pool and what it gives is one line, whatever the names are', LIMIT, async () => {
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

  test('the name of an event that there is not, or a listener that is no function, is an OptionsError that names the events', LIMIT, () => {
    const pool = hostile();
    for (const method of ['on', 'once', 'off'] as const) {
      for (const event of ['ready', '', 'toString', '__proto__', Symbol('x'), undefined]) {
        expect(() => pool[method](event as never, () => undefined)).toThrow(/event: expected one of workerSpawned, .*taskSettled.*, got/);
      }
      expect(() => pool[method]('closed', {} as never)).toThrow(OptionsError);
    }
  });

  test('a listener that was added twice hears twice, and goes when it is taken off; one of `once` hears once', LIMIT, async () => {
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
});

describe('what a pool is made with', () => {
  useKit();

  test('workerData is taken once: what the program does to it later, or its getters, reach no worker', LIMIT, async () => {
    let reads = 0;
    const bytes = Buffer.alloc(200_000, 1);
    const workerData: Record<string, unknown> = {
      list: [1],
      bytes,
      get read() {
        reads += 1;
        return reads;
      },
    };
    const pool = hostile({ workerData, restart: { backoff: { initialMs: 1 } } });
    expect(reads).toBe(1);
    workerData['f'] = () => 1;
    (workerData['list'] as unknown[]).push(() => 2);
    bytes.fill(2);
    for (let round = 0; round < 3; round += 1) {
      const data = (await pool.run('getData')) as { bytes: Buffer };
      expect(data).toMatchObject({ list: [1], read: 1 });
      expect(data).not.toHaveProperty('f');
      expect(data.bytes.every((byte) => byte === 1)).toBe(true);
      await rejection(pool.run('exit', [1]));
    }
    await expectSound(pool);
  });

  test('getters in its options are read once, before anything is started; what they throw is an OptionsError', LIMIT, async () => {
    const env = Object.defineProperty({}, 'A', {
      enumerable: true,
      get: () => {
        throw Object.create(null);
      },
    });
    for (const key of ['env', 'workerData', 'size', 'restart', 'argv', 'killLadder', 'name', 'module', 'signal', 'task']) {
      const options = Object.defineProperty({}, key, {
        enumerable: true,
        get: () => {
          throw Object.create(null);
        },
      });
      expect(() => new Pool(options), key).toThrow(OptionsError);
    }
    expect(() => new Pool({ env })).toThrow(OptionsError);
    expect(() => new Pool({ workerData: env })).toThrow(OptionsError);
    expect(
      () =>
        new Pool({
          restart: Object.defineProperty({}, 'periodMs', {
            enumerable: true,
            get: () => {
              throw new Error('no');
            },
          }),
        }),
    ).toThrow(/restart\.periodMs/);
    const argv = ['a'];
    Object.defineProperty(argv, 'every', { value: () => true });
    argv.push(5 as never);
    expect(() => new Pool({ argv })).toThrow(OptionsError);
    let reads = 0;
    const pool = hostile(Object.defineProperty({}, 'size', { enumerable: true, get: () => (reads++ === 0 ? 1 : 'no') }) as PoolOptions);
    expect(await pool.run('add', [1, 2])).toBe(3);
    await expectSound(pool);
  });

  test('a listener of `broken` may change the error that it is given: tasks of the broken pool still reject', LIMIT, async () => {
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

  test.each(['null prototype', 'cannot be shown'])(
    'a start hook that throws what cannot be printed (%s) breaks the pool, as any other',
    LIMIT,
    async (workerData) => {
      const pool = newPool<{ never(): number }>({
        module: fixture('hostile-hooks.js'),
        size: 1,
        workerData,
        restart: { intensity: 0, probeMs: false },
      });
      expect(await rejection(pool.run('never'))).toMatchObject({
        code: 'ERR_EVERPOOL_BROKEN',
        death: { cause: 'exit', phase: 'boot', exitCode: 1 },
      });
    },
  );

  test('stop hooks that throw what cannot be printed keep no worker from leaving, nor the hooks after them', LIMIT, async () => {
    const pool = newPool<{ never(): number }>({ module: fixture('hostile-hooks.js'), size: 1, workerData: 'at the stop', graceMs: 10_000 });
    expect(await pool.run('never')).toBe(0);
    await pool.close();
    expect(pool.stats().deaths).toBe(0);
  });
});

describe('what a task gives bit by bit', () => {
  useKit();

  test.each([
    'next throws',
    'next gives a number',
    'value throws',
    'value cannot be sent',
    'done throws',
    'the iterator is none',
    'asking for it throws',
  ])('a generator of which %s: the iteration rejects, after what had come, and the worker goes on', LIMIT, async (kind) => {
    const pool = hostile();
    const values: unknown[] = [];
    let hasRejected = false;
    try {
      for await (const value of pool.stream('givesOddValues', [kind])) values.push(value);
    } catch {
      hasRejected = true;
    }
    expect(hasRejected).toBe(true);
    expect(values).toEqual(/iterator|asking/.test(kind) ? [] : ['first']);
    expect(pool.stats().deaths).toBe(0);
    await expectSound(pool);
  });

  test.each(['return throws', 'return gives nothing'])('a generator of which %s may be left', LIMIT, async (kind) => {
    const pool = hostile({ graceMs: 5000 });
    for await (const value of pool.stream('givesOddValues', [kind])) if (value === 'more') break;
    expect(pool.stats().deaths).toBe(0);
    await expectSound(pool);
  });

  test.each(['a getter that throws', 'a function', 'a proxy'])(
    'progress(%s) throws in the task, and nothing else happens',
    LIMIT,
    async (kind) => {
      const pool = hostile();
      expect(await pool.run('progressOf', [kind])).toBe('ERR_EVERPOOL_SERIALIZATION');
      await expectSound(pool);
    },
  );
});

describe('the async context', () => {
  useKit();

  test('callbacks of a call run in the context of that call, whoever made the pool', LIMIT, async () => {
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

describe('the stack of a task that fails', () => {
  useKit();

  test('has the frames of the program and none of everpool, in its causes too', LIMIT, async () => {
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
      expect(error.stack, name).toMatch(/submitted:\n[\s\S]*hostile-program\.long\.test/);
    }
    expect(errors.boom.stack).toMatch(/at boom .*meets-hostile-code\.js/);
    expect(errors.deep.stack?.match(/at deep/g)).toHaveLength(7);
    expect((errors.failsLater.cause as Error).stack).toMatch(/^Error: before\n +at .*failsLater.*$/);
    expect(errors.exec.stack).toContain('<anonymous>');
    await expectSound(pool);
  });
});

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

  test('rejects with what the task rejects with, if that ends before its start', LIMIT, async () => {
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
