/** Tasks whose values pass through encoded: the worker is played by the test. */
import { describe, expect, test } from 'vitest';
import { Codec, type Encoded, encode } from '../../../../src/ipc/codec/codec.js';
import { Flag, FrameType } from '../../../../src/ipc/frame.js';
import { attemptNumberOf, type RunMessage } from '../../../../src/ipc/messages.js';
import { copyOf } from '../../../../src/ipc/spare-memory.js';
import { type EncodedMore, type EncodedTask, submitEncoded } from '../../../../src/pool/handles/submit-encoded.js';
import { coreOf } from '../../../../src/pool/pool.js';
import type { TaskOptions } from '../../../../src/pool/types.js';
import { type ScriptedPool, type ScriptedWorker, scriptedPool } from '../../../kit/scripted-platform.js';

type Submit = (args?: Encoded, options?: TaskOptions, more?: Partial<EncodedMore>, name?: string) => EncodedTask;

async function poolWithWorker(
  options: Parameters<typeof scriptedPool>[0] = {},
): Promise<ScriptedPool & { worker: ScriptedWorker; submit: Submit }> {
  const scripted = scriptedPool(options);
  await scripted.pass();
  const [worker] = scripted.workers as [ScriptedWorker];
  worker.boot('work');
  await scripted.pass();
  const core = coreOf(scripted.pool);
  const submit: Submit = (args = encode([]), given, more, name = 'work') =>
    submitEncoded(core, name, args, given, { firstAttempt: 1, ...more });
  return { ...scripted, worker, submit };
}

/** No V8 stream: whoever decodes it fails. */
const GARBAGE: Encoded = { codec: Codec.V8, body: Buffer.from('no V8 stream at all'), attachments: [], bytes: 19 };

function bytes(codec: number, body: Encoded['body'], ...attachments: Buffer[]): Encoded {
  return { codec, body, attachments, bytes: 0 };
}

/** The codec and all bytes, compared as text: fast. */
function bytesOf({ codec, body, attachments }: Encoded): unknown[] {
  return [codec, ...[body ?? '', ...attachments].map((part) => Buffer.from(part as Buffer).toString('latin1'))];
}

describe('bytes', () => {
  test('of the arguments arrive in the worker unread, those of the result in the outcome', async () => {
    const { submit, worker, pass } = await poolWithWorker();
    const task = submit(GARBAGE);
    await pass();
    expect(worker.received.at(-1)).toMatchObject({ type: FrameType.Run, codec: Codec.V8, body: GARBAGE.body, flags: 0 });
    worker.sends(FrameType.Result, 1, GARBAGE);
    expect(await task.outcome).toEqual({ status: 'succeeded', value: GARBAGE, attempts: 1, ms: 0 });
  });

  test('of a result in every codec', async () => {
    const { submit, worker, pass } = await poolWithWorker();
    const values = [encode(undefined), encode({ a: [1, 'ü'] }), encode(new Map([[1, 2]])), encode([Buffer.alloc(300_000, 7)])];
    expect(values.map(({ codec }) => codec)).toEqual([0, 1, 2, 3]);
    for (const [index, value] of values.entries()) {
      const { outcome } = submit();
      await pass();
      worker.sends(FrameType.Result, index + 1, value);
      const end = (await outcome) as { value: Encoded };
      expect(bytesOf(end.value)).toEqual(bytesOf(value));
    }
  });

  test('of what the task threw', async () => {
    const { submit, worker, pass } = await poolWithWorker();
    const task = submit();
    await pass();
    worker.sends(FrameType.Failure, 1, GARBAGE);
    expect(await task.outcome).toEqual({ status: 'failed', thrown: GARBAGE, attempts: 1, ms: 0 });
  });

  test('of progress', async () => {
    const { submit, worker, pass } = await poolWithWorker();
    const got: Encoded[] = [];
    const task = submit(undefined, undefined, { onProgress: (value) => got.push(value) });
    await pass();
    worker.sends(FrameType.Progress, 1, GARBAGE);
    worker.sends(FrameType.Progress, 1, bytes(9, Buffer.from('x')));
    await pass();
    expect(got).toEqual([GARBAGE]);
    worker.returns(1, 1);
    expect(await task.outcome).toMatchObject({ status: 'succeeded' });
  });

  test('of the arguments are never taken for other values', async () => {
    const { submit, worker, pass } = await poolWithWorker();
    const memory = Buffer.alloc(1024 * 1024, 7);
    const task = submit({ ...encode([memory]), attachments: [memory] });
    await pass();
    worker.returns(1, 1);
    await task.outcome;
    copyOf(Buffer.alloc(1024 * 1024, 1));
    expect(memory.every((byte) => byte === 7)).toBe(true);
  });

  test.each([
    ['an unknown codec', bytes(77, Buffer.from('x'))],
    ['a value without a body', bytes(Codec.V8, undefined)],
    ['text without a text', bytes(Codec.Json, undefined)],
    ['undefined with a body', bytes(Codec.Undefined, Buffer.from('x'))],
    ['attachments of text', bytes(Codec.Json, '[]', Buffer.from('x'))],
  ])('that no worker of ours would send fail that task alone: %s', async (_what, forged) => {
    const { submit, worker, pass } = await poolWithWorker();
    for (const [index, type] of [FrameType.Result, FrameType.Failure].entries()) {
      const { outcome } = submit();
      await pass();
      worker.sends(type, index + 1, forged);
      const side = type === FrameType.Result ? 'result' : 'error';
      expect(await outcome).toMatchObject({ status: 'failed', error: { code: 'ERR_EVERPOOL_SERIALIZATION', side }, attempts: 1 });
    }
    const good = submit();
    await pass();
    worker.returns(3, 1);
    expect(await good.outcome).toMatchObject({ status: 'succeeded' });
    expect(worker.signals).toEqual([]);
  });

  test.each([
    ['an unknown codec', bytes(300, Buffer.from('x'))],
    ['text in codec V8', bytes(Codec.V8, 'x')],
    [
      'more attachments than a message has',
      bytes(Codec.Composite, Buffer.from('x'), ...Array.from({ length: 256 }, () => Buffer.alloc(1))),
    ],
  ])('that cannot be sent are refused, and harm no worker: %s', async (_what, args) => {
    const { submit, worker, pass } = await poolWithWorker();
    const { outcome } = submit(args);
    await pass();
    expect(await outcome).toMatchObject({
      status: 'failed',
      error: { code: 'ERR_EVERPOOL_SERIALIZATION', side: 'arguments' },
      attempts: 0,
    });
    expect(worker.attempts).toEqual([]);
  });
});

describe("the worker's own complaint", () => {
  test.each([
    [Flag.UnknownTask, { exports: ['other', 7] }, { code: 'ERR_EVERPOOL_UNKNOWN_TASK', exports: ['other', '7'] }],
    [Flag.Unserialisable, { side: 'result', message: 'result.f: a function' }, { code: 'ERR_EVERPOOL_SERIALIZATION', side: 'result' }],
    [Flag.Unserialisable, 7, { code: 'ERR_EVERPOOL_SERIALIZATION', side: 'result' }],
    [Flag.Undecodable, new Error('no list'), { code: 'ERR_EVERPOOL_SERIALIZATION', side: 'arguments' }],
  ])('is an error of the pool: flag %i', async (flag, body, error) => {
    const { submit, worker, pass } = await poolWithWorker();
    const { outcome } = submit();
    await pass();
    worker.sends(FrameType.Failure, 1, encode(body), flag);
    expect(await outcome).toMatchObject({ status: 'failed', error, attempts: 1 });
  });
});

describe('what the pool refuses', () => {
  test('is an outcome and throws nothing', async () => {
    const { pool, submit, worker, pass } = await poolWithWorker({ queueLimit: 1 });
    const end = async (task: EncodedTask): Promise<unknown> => {
      task.started.catch(() => undefined);
      await task.cancel();
      return task.outcome;
    };
    const none = { status: 'failed', attempts: 0, ms: 0 };
    expect(await end(submit(undefined, undefined, {}, 'constructor'))).toMatchObject({
      ...none,
      error: { code: 'ERR_EVERPOOL_UNKNOWN_TASK' },
    });
    expect(await end(submit(undefined, { retries: -1 }))).toMatchObject({ ...none, error: { code: 'ERR_EVERPOOL_OPTIONS' } });
    expect(await end(submit(undefined, undefined, {}, 7 as never))).toMatchObject({ ...none, error: { code: 'ERR_EVERPOOL_OPTIONS' } });
    for (const firstAttempt of [0, 1.5, 70_000])
      expect(await end(submit(undefined, undefined, { firstAttempt }))).toMatchObject({ ...none, error: { code: 'ERR_EVERPOOL_OPTIONS' } });
    const first = submit();
    await pass();
    const second = submit();
    expect(await end(submit())).toMatchObject({ ...none, error: { code: 'ERR_EVERPOOL_QUEUE_FULL' } });
    worker.returns(1, 1);
    await pass();
    worker.returns(2, 2);
    await Promise.all([first.outcome, second.outcome]);
    void pool.kill().catch(() => undefined);
    expect(await end(submit())).toMatchObject({ ...none, error: { code: 'ERR_EVERPOOL_CLOSED' } });
  });
});

describe('an end', () => {
  test('before the start: it is never sent (G6)', async () => {
    const { submit, worker, pass } = await poolWithWorker();
    const task = submit();
    await Promise.all([task.cancel('enough'), pass()]);
    const error = { code: 'ERR_EVERPOOL_CANCELLED', reason: 'enough' };
    expect(await task.outcome).toMatchObject({ status: 'cancelled', error, attempts: 0 });
    expect(worker.attempts).toEqual([]);
  });

  test('that withdraws: only what has not started', async () => {
    const { submit, worker, pass } = await poolWithWorker({ pipelining: false });
    const [running, sent, queued] = [submit(), submit(), submit()];
    await pass();
    worker.start(1);
    expect([running.withdraw(), sent.withdraw(), queued.withdraw()]).toEqual([false, true, true]);
    expect(await sent.outcome).toMatchObject({ status: 'cancelled', attempts: 0 });
    expect(await queued.outcome).toMatchObject({ status: 'cancelled', attempts: 0 });
    worker.returns(1, 'done');
    await pass();
    expect(await running.outcome).toMatchObject({ status: 'succeeded', attempts: 1 });
    expect(running.withdraw()).toBe(false);
  });

  test('that withdraws what was sent, and has not started', async () => {
    const { submit, pass } = await poolWithWorker();
    const task = submit();
    await pass();
    expect(task.withdraw()).toBe(true);
    expect(await task.outcome).toMatchObject({ status: 'cancelled', attempts: 0 });
  });

  test.each(['already', 'later'])('by a signal that fires %s, with any reason', async (when) => {
    const { submit, pass } = await poolWithWorker();
    const controller = new AbortController();
    if (when === 'already') controller.abort('enough');
    const task = submit(undefined, { signal: controller.signal });
    if (when === 'later') controller.abort('enough');
    await pass();
    const error = { code: 'ERR_EVERPOOL_CANCELLED', reason: 'enough' };
    expect(await task.outcome).toMatchObject({ status: 'cancelled', error, attempts: 0 });
  });

  test('after the start: by force, with its worker', async () => {
    const { submit, worker, pass } = await poolWithWorker();
    const task = submit();
    await pass();
    worker.start(1);
    const killed = task.kill();
    await pass();
    worker.exits(null, 'SIGKILL');
    await pass();
    await killed;
    expect(await task.outcome).toMatchObject({ status: 'cancelled', error: { forced: true }, attempts: 1 });
  });

  test('by the death of its worker', async () => {
    const { submit, worker, pass } = await poolWithWorker();
    const task = submit();
    const { started } = task;
    await pass();
    worker.start(1);
    worker.exits(3);
    await pass();
    expect(await started).toMatchObject({ number: 1 });
    const error = { code: 'ERR_EVERPOOL_WORKER_DIED', death: { exitCode: 3 } };
    expect(await task.outcome).toMatchObject({ status: 'failed', error, attempts: 1 });
  });
});

describe('firstAttempt', () => {
  test('numbers the attempts here after those elsewhere: in the worker, in events and in errors', async () => {
    const { pool, submit, workers, worker, pass } = await poolWithWorker({ restart: { intensity: 10 } });
    const events: unknown[] = [];
    pool.on('taskStarted', ({ attempt }) => events.push(['started', attempt]));
    pool.on('taskRetried', ({ attempt }) => events.push(['retried', attempt]));
    pool.on('taskSettled', ({ attempts }) => events.push(['settled', attempts]));
    const task = submit(undefined, { retries: { crash: 1 } }, { firstAttempt: 3 });
    await pass();
    expect(attemptNumberOf(worker.received.at(-1) as RunMessage)).toBe(3);
    worker.start(1);
    worker.exits(3);
    await pass(1000);
    const next = workers.at(-1) as ScriptedWorker;
    next.boot('work');
    await pass();
    expect(attemptNumberOf(next.received.at(-1) as RunMessage)).toBe(4);
    next.start(1);
    next.exits(3);
    await pass();
    const outcome = await task.outcome;
    expect(outcome).toMatchObject({ status: 'failed', attempts: 2, error: { attempts: [{ number: 3 }, { number: 4 }] } });
    expect((outcome as { error: Error }).error.message).toContain('It was started 4 times; retries.crash is 1.');
    expect(events).toEqual([
      ['started', 3],
      ['retried', 4],
      ['started', 4],
      ['settled', 4],
    ]);
  });

  test('does not count as a start: a time in the queue is limited all the same', async () => {
    const { submit, worker, pass } = await poolWithWorker();
    const long = submit();
    const task = submit(undefined, { queueTimeoutMs: 100 }, { firstAttempt: 3 });
    await pass();
    worker.start(1);
    await pass(101);
    expect(await task.outcome).toMatchObject({ status: 'failed', error: { code: 'ERR_EVERPOOL_TIMEOUT', kind: 'queue' }, attempts: 0 });
    worker.returns(1, 1);
    await long.outcome;
  });
});
