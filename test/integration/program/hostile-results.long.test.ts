/** Results, errors, thenables and iterators that throw or lie, in the parent and in the worker. */
import { describe, expect, test } from 'vitest';
import { act, CALLS, expectSound, hostile, LIMIT, names, outcome } from '../../kit/hostile.js';
import { rejection, until, useKit } from '../../kit/pools.js';

describe('results and errors', () => {
  useKit();

  test('a task may throw anything, and return any thenable', LIMIT, async () => {
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
    'a `then` on the prototype of all objects, which each promise reads, may call %s or throw',
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

  test('Symbol.hasInstance of Error, replaced by the program, is not called', LIMIT, async () => {
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
});

describe('streams and progress', () => {
  useKit();

  test.each([
    'next throws',
    'next gives a number',
    'value throws',
    'value cannot be sent',
    'done throws',
    'the iterator is a number',
    'its iterator throws',
  ])('a generator of which %s: the iteration rejects behind the values before it, and the worker goes on', LIMIT, async (kind) => {
    const pool = hostile();
    const values: unknown[] = [];
    let hasRejected = false;
    try {
      for await (const value of pool.stream('givesOddValues', [kind])) values.push(value);
    } catch {
      hasRejected = true;
    }
    expect(hasRejected).toBe(true);
    expect(values).toEqual(/iterator/.test(kind) ? [] : ['first']);
    expect(pool.stats().deaths).toBe(0);
    await expectSound(pool);
  });

  test.each(['return throws', 'return gives nothing'])('a generator of which %s may be left early', LIMIT, async (kind) => {
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
