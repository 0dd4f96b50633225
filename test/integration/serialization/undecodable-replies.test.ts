/**
 * Replies that the parent cannot decode end one task, or the boot of one worker, and never the
 * parent.
 */
import { SerializationError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { Codec } from '../../../src/ipc/codec/codec.js';
import { Flag, FrameType } from '../../../src/ipc/frame.js';
import type * as WritesFrames from '../../fixtures/writes-frames.js';
import { expectUsable, fixture, newPool, rejection, useKit } from '../../kit/pools.js';

const UNKNOWN_CODEC = 99;

const text = (value: string): Buffer => Buffer.from(value, 'latin1');
const writing = (workerData?: unknown) =>
  newPool<typeof WritesFrames>({ module: fixture('writes-frames.js'), size: 1, workerData, restart: { intensity: 1, probeMs: false } });

describe('a reply that cannot be decoded', () => {
  useKit();

  test.each([
    ['JSON that is cut off', Codec.Json, '{"a":', 'SyntaxError'],
    ['no bytes of V8', Codec.V8, 'never', 'Error'],
    ['a V8 stream that is cut off', Codec.V8, '\xff\x0fo"', 'Error'],
    ['an array that claims more than it holds', Codec.V8, '\xff\x0fA\xff\xff\xff\xff\x0f', 'Error'],
    ['a value without its records', Codec.Composite, '\xff\x0f_', 'Error'],
    ['an unknown codec', UNKNOWN_CODEC, 'never', 'Error'],
  ])('a result or an error (%s) rejects that task with the cause', async (_what, codec, body, name) => {
    const pool = writing();
    const pid = await pool.run('pid');
    for (const [type, side] of [
      [FrameType.Result, 'result'],
      [FrameType.Failure, 'error'],
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
  });

  test('a progress value is lost, and the task is not', async () => {
    const pool = writing();
    const heard: unknown[] = [];
    const frame = { type: FrameType.Progress, codec: Codec.Json, body: text('{') };
    expect(await pool.run('writeFrame', [frame], { onProgress: (value) => heard.push(value) })).toBe('too late');
    expect(heard).toEqual([]);
    await expectUsable(pool as never, 1);
  });

  test.each([
    ['that it cannot be sent', Flag.Unserialisable, Codec.Undefined, ''],
    ['that it cannot be sent', Flag.Unserialisable, Codec.Json, '7'],
    ['that it cannot be sent', Flag.Unserialisable, Codec.Json, '{"side":{"a":1},"message":[]}'],
    ['that there is no such task', Flag.UnknownTask, Codec.Undefined, ''],
    ['that there is no such task', Flag.UnknownTask, Codec.Json, '{"name":"a","exports":7}'],
    ['that the arguments could not be decoded', Flag.Undecodable, Codec.Undefined, ''],
  ])('a failure that says %s (%i, %i, %j) without its details ends that task and harms nothing', async (_what, flags, codec, body) => {
    const pool = writing();
    const error = await rejection(pool.run('writeFrame', [{ type: FrameType.Failure, flags, codec, body: text(body) }]));
    expect(error['code']).toMatch(/^ERR_EVERPOOL_/);
    if (error instanceof SerializationError) expect(['result', 'arguments']).toContain(error.side);
    await expectUsable(pool as never, 1);
  });

  test.each([
    ['fails', FrameType.BootFailed],
    ['is ready', FrameType.Ready],
  ])('a worker that says that its boot %s, in bytes that nobody can decode, breaks the pool, not the parent', async (_what, type) => {
    const pool = writing({ type, codec: Codec.Json, body: text('{') });
    expect(await rejection(pool.run('noop'))).toMatchObject({ code: 'ERR_EVERPOOL_BROKEN' });
    expect(pool.state).toBe('broken');
    expect(pool.stats()).toMatchObject({ queued: 0, running: 0, failed: 1 });
  });
});
