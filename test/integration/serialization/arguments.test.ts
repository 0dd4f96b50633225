/** Arguments that cannot be encoded, decoded, or be decoded without harm. */
import { SerializationError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, newPool, rejection, useKit } from '../../kit/pools.js';

const decoding = () => newPool({ execArgv: ['--import', fixture('breaks-decoding.js')], size: 1 });

describe('arguments', () => {
  useKit();

  test('an argument that cannot be sent rejects its task with the path to it; no worker is touched', async () => {
    const pool = newPool({ size: 1 });
    const pid = await pool.run('pid');
    const error = await rejection(pool.run('echo', [{ user: { save: () => 1 } }]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error).toMatchObject({ side: 'arguments', code: 'ERR_EVERPOOL_SERIALIZATION' });
    expect(error.message).toContain('args[0].user.save');
    const getter = {
      get trap(): never {
        throw new Error('not me');
      },
    };
    expect((await rejection(pool.run('echo', [getter]))).message).toContain('not me');
    expect(await pool.run('pid')).toBe(pid);
  });

  test.each([
    ['as JSON', 'decode:throw'],
    ['through V8', new Map([['decode:throw', 1]])],
  ])('arguments (%s) whose decoding throws reject with that error as the cause, and the worker lives', async (_how, value) => {
    const pool = decoding();
    const pid = await pool.run('pid');
    const behind = pool.run('add', [1, 2]);
    const error = await rejection(pool.run('echo', [value]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', side: 'arguments' });
    expect(error.message).toContain('PoisonError: poison on purpose');
    const cause = error.cause as Error;
    expect(cause).toBeInstanceOf(TypeError);
    expect(cause).toMatchObject({ name: 'PoisonError', message: 'poison on purpose', code: 'E_POISON' });
    expect(cause.stack).toContain('breaks-decoding.js');
    expect(await behind).toBe(3);
    expect(await pool.run('pid')).toBe(pid);
    expect(pool.stats()).toMatchObject({ spawned: 1, deaths: 0, failed: 1 });
    await expectUsable(pool as never, 1);
  });

  test('an error of decoding is not retried like a death, and the task never runs', async () => {
    const pool = decoding();
    const task = pool.run('echo', ['decode:throw'], { retries: 3 });
    expect(await rejection(task)).toMatchObject({ side: 'arguments' });
    expect(task.attempts).toMatchObject([{ number: 1, outcome: 'error' }]);
    expect(pool.stats()).toMatchObject({ retried: 0, deaths: 0 });
  });

  test('decoding may throw anything, even what cannot be printed', async () => {
    const pool = decoding();
    const error = await rejection(pool.run('echo', ['decode:odd']));
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', side: 'arguments', cause: { toString: 'no function' } });
    await expectUsable(pool as never, 1);
  });

  test.each([
    ['fail', 5],
    ['exit', 0],
  ])('decoding that exits the worker (%s) is a death of that task with code %i, and of no other', async (how, exitCode) => {
    const pool = decoding();
    const task = pool.run('echo', [`decode:${how}`], { retries: 1 });
    const behind = pool.run('add', [1, 2]);
    const error = await rejection(task);
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_WORKER_DIED', death: { exitCode, phase: 'task', requested: false } });
    expect(error.message).toContain(`code ${exitCode}`);
    expect(task.attempts).toHaveLength(2); // it is charged, and not redispatched for ever
    expect(await behind).toBe(3);
    await expectUsable(pool as never, 1);
  });
});
