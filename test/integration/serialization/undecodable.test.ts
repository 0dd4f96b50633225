import { SerializationError, WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Crashes from '../../fixtures/crashes-in-getters.js';
import type * as WritesFrames from '../../fixtures/writes-frames.js';
import { expectUsable, fixture, newPool, rejection, useKit } from '../../kit/pools.js';

const text = (value: string): Buffer => Buffer.from(value, 'latin1');

// src/ipc/frame.ts and src/ipc/codec.ts
const RESULT = 33;
const FAILURE = 34;
const PROGRESS = 36;
const READY = 30;
const BOOT_FAILED = 31;
const [UNDEFINED, JSON_TEXT, V8, COMPOSITE, UNKNOWN] = [0, 1, 2, 3, 99];
const [UNSERIALISABLE, UNKNOWN_TASK, UNDECODABLE] = [4, 8, 16];

describe('B. serialization, both directions: what cannot be decoded', () => {
  useKit();

  const decoding = () => newPool({ execArgv: ['--import', fixture('breaks-decoding.js')], size: 1 });

  test.each([
    ['as JSON', 'decode:throw'],
    ['through V8', new Map([['decode:throw', 1]])],
  ])('B04, B16: arguments (%s) whose decoding throws reject with that error as the cause, and the worker lives', async (_how, value) => {
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

  test('B04: an error of decoding is not retried as a death is, and nothing of the task runs', async () => {
    const pool = decoding();
    const task = pool.run('echo', ['decode:throw'], { retries: 3 });
    expect(await rejection(task)).toMatchObject({ side: 'arguments' });
    expect(task.attempts).toMatchObject([{ number: 1, outcome: 'error' }]);
    expect(pool.stats()).toMatchObject({ retried: 0, deaths: 0 });
  });

  test('B04: what the decoding throws may be no error, nor anything that can be printed', async () => {
    const pool = decoding();
    const error = await rejection(pool.run('echo', ['decode:odd']));
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', side: 'arguments', cause: { toString: 'no function' } });
    await expectUsable(pool as never, 1);
  });

  test.each([
    ['B03', 'fail', 5],
    ['B06', 'exit', 0],
  ])(
    '%s: decoding the arguments exits the worker (%s): a death of that task with code %i, and of no other',
    async (_number, how, exitCode) => {
      const pool = decoding();
      const task = pool.run('echo', [`decode:${how}`], { retries: 1 });
      const behind = pool.run('add', [1, 2]);
      const error = await rejection(task);
      expect(error).toMatchObject({ code: 'ERR_EVERPOOL_WORKER_DIED', death: { exitCode, phase: 'task', requested: false } });
      expect(error.message).toContain(`code ${exitCode}`);
      expect(task.attempts).toHaveLength(2); // it is charged, and not redispatched for ever
      expect(await behind).toBe(3);
      await expectUsable(pool as never, 1);
    },
  );

  test.each(['crashInResult', 'crashInError', 'crashInProgress'] as const)(
    'B07: encoding what a task gives crashes the worker (%s)',
    async (name) => {
      const pool = newPool<typeof Crashes>({ module: fixture('crashes-in-getters.js') });
      const error = await rejection(pool.run(name));
      expect(error).toBeInstanceOf(WorkerDiedError);
      expect(error).toMatchObject({ death: { signal: 'SIGSEGV', phase: 'task', requested: false }, attempts: [{ outcome: 'orphaned' }] });
      expect(error.message).toContain('SIGSEGV');
      await expectUsable(pool as never);
    },
  );

  const writing = (workerData?: unknown) =>
    newPool<typeof WritesFrames>({ module: fixture('writes-frames.js'), size: 1, workerData, restart: { intensity: 1, probeMs: false } });

  test('B07: a worker that dies in the middle of a result harms that task and no other', async () => {
    const pool = writing();
    const task = pool.run('writeHalf');
    const behind = pool.run('add', [1, 2]);
    expect(await rejection(task)).toMatchObject({ death: { signal: 'SIGKILL', phase: 'task' } });
    expect(await behind).toBe(3);
    await expectUsable(pool as never, 1);
  });

  test.each([
    ['JSON that is cut off', JSON_TEXT, '{"a":', 'SyntaxError'],
    ['no bytes of V8', V8, 'never', 'Error'],
    ['a V8 stream that is cut off', V8, '\xff\x0fo"', 'Error'],
    ['an array that claims more than it holds', V8, '\xff\x0fA\xff\xff\xff\xff\x0f', 'Error'],
    ['a value without its records', COMPOSITE, '\xff\x0f_', 'Error'],
    ['an unknown codec', UNKNOWN, 'never', 'Error'],
  ])(
    'B11, B16: a result or an error that the parent cannot decode (%s) rejects that task with the cause',
    async (_what, codec, body, name) => {
      const pool = writing();
      const pid = await pool.run('pid');
      for (const [type, side] of [
        [RESULT, 'result'],
        [FAILURE, 'error'],
      ] as const) {
        const task = pool.run('writeFrame', [{ type, codec, body: text(body) }], { retries: { error: 2, crash: 2 } });
        const behind = pool.run('add', [1, 2]);
        const error = await rejection(task);
        expect(error).toBeInstanceOf(SerializationError);
        expect(error).toMatchObject({ side });
        const cause = error.cause as Error;
        expect(cause).toBeInstanceOf(Error);
        expect(cause.name).toBe(name);
        expect(cause.message.length).toBeGreaterThan(0);
        expect(error.message).toContain(cause.message);
        expect(task.attempts).toMatchObject([{ number: 1, outcome: 'error' }]);
        expect(task.state).toBe('failed');
        expect(await behind).toBe(3); // and not the late result of the task before it
      }
      expect(await pool.run('pid')).toBe(pid);
      expect(pool.state).toBe('open');
      await expectUsable(pool as never, 1);
    },
  );

  test('B11: a progress value that the parent cannot decode is lost, and the task is not', async () => {
    const pool = writing();
    const heard: unknown[] = [];
    const frame = { type: PROGRESS, codec: JSON_TEXT, body: text('{') };
    expect(await pool.run('writeFrame', [frame], { onProgress: (value) => heard.push(value) })).toBe('too late');
    expect(heard).toEqual([]);
    await expectUsable(pool as never, 1);
  });

  test.each([
    ['that it cannot be sent', UNSERIALISABLE, UNDEFINED, ''],
    ['that it cannot be sent', UNSERIALISABLE, JSON_TEXT, '7'],
    ['that it cannot be sent', UNSERIALISABLE, JSON_TEXT, '{"side":{"a":1},"message":[]}'],
    ['that there is no such task', UNKNOWN_TASK, UNDEFINED, ''],
    ['that there is no such task', UNKNOWN_TASK, JSON_TEXT, '{"name":"a","exports":7}'],
    ['that the arguments could not be decoded', UNDECODABLE, UNDEFINED, ''],
  ])(
    'B11: a failure that says %s (%i, %i, %j), without what belongs to it, ends that task and harms nothing',
    async (_what, flags, codec, body) => {
      const pool = writing();
      const error = await rejection(pool.run('writeFrame', [{ type: FAILURE, flags, codec, body: text(body) }]));
      expect(error['code']).toMatch(/^ERR_EVERPOOL_/);
      if (error instanceof SerializationError) expect(['result', 'arguments']).toContain(error.side);
      await expectUsable(pool as never, 1);
    },
  );

  test.each([
    ['fails', BOOT_FAILED],
    ['is ready', READY],
  ])('B11: a worker that says that its boot %s in words that nobody can read breaks the pool, not the parent', async (_what, type) => {
    const pool = writing({ type, codec: JSON_TEXT, body: text('{') });
    expect(await rejection(pool.run('noop'))).toMatchObject({ code: 'ERR_EVERPOOL_BROKEN' });
    expect(pool.state).toBe('broken');
    expect(pool.stats()).toMatchObject({ queued: 0, running: 0, failed: 1 });
  });
});
