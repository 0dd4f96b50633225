/**
 * Tasks whose values pass through this process encoded, in real workers. The entry point of the
 * package does not export `submitEncoded`: so the pool is made from src/, and its workers from the
 * build.
 */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { Codec, decode, type Encoded, encode } from '../../../src/ipc/codec/codec.js';
import { Flag, FrameType } from '../../../src/ipc/frame.js';
import { type EncodedMore, type EncodedOutcome, type EncodedTask, submitEncoded } from '../../../src/pool/handles/submit-encoded.js';
import { coreOf, Pool } from '../../../src/pool/pool.js';
import type { TaskOptions } from '../../../src/pool/types.js';
import { fixture, useKit } from '../../kit/pools.js';

vi.mock('../../../src/supervisor/node/worker-code.js', () => {
  const entry = realpathSync(fileURLToPath(new URL('../../../dist/worker/entry.js', import.meta.url)));
  const folder = dirname(dirname(entry));
  return { workerCode: () => ({ entry: [entry], folder, frames: pathToFileURL(join(folder, '/')).href }), ownNode: () => process.execPath };
});

useKit();

const pools: Pool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.kill()));
});

type Submit = (name: string, args: unknown[], options?: TaskOptions, more?: Partial<EncodedMore>) => EncodedTask;

function newSubmit(module = 'tasks.js', options = {}): { pool: Pool; submit: Submit } {
  const pool = new Pool({ module: fixture(module), size: 1, stderr: 'pipe', ...options });
  pools.push(pool);
  const submit: Submit = (name, args, given, more) =>
    submitEncoded(coreOf(pool), name, encode(args, 'args'), given, { firstAttempt: 1, ...more });
  return { pool, submit };
}

function opened({ codec, body, attachments }: Encoded): unknown {
  return decode(codec, body ?? '', attachments);
}

function resultOf(outcome: EncodedOutcome): Encoded {
  if (outcome.status !== 'succeeded') throw new Error(`it ${outcome.status}`, { cause: outcome });
  return outcome.value;
}

test('values of every codec come back whole', async () => {
  const { submit } = newSubmit();
  const binary = Buffer.alloc(1024 * 1024, 7);
  const cases: [unknown, number][] = [
    [undefined, Codec.Undefined],
    [{ text: 'ü', list: [1, null] }, Codec.Json],
    ['x'.repeat(200_000), Codec.V8],
    [new Map([[1, new Date(7)]]), Codec.V8],
    [{ error: new RangeError('no', { cause: 1 }) }, Codec.Composite],
  ];
  for (const [value, codec] of cases) {
    const result = resultOf(await submit('echo', [value]).outcome);
    expect(result.codec).toBe(codec);
    expect(opened(result)).toEqual(value);
  }
  const large = resultOf(await submit('echo', [{ binary, name: 'x' }]).outcome);
  expect(large).toMatchObject({ codec: Codec.Composite, bytes: expect.any(Number) });
  expect(large.attachments.map(({ length }) => length)).toEqual([binary.length]);
  expect((opened(large) as { binary: Buffer }).binary.equals(binary)).toBe(true);
  expect(binary.every((byte) => byte === 7)).toBe(true);
  // JSON in parts is bytes, not text: it goes on as well.
  const list = Array.from({ length: 20_000 }, (_, index) => ({ index }));
  const again = submitEncoded(coreOf(pools[0] as Pool), 'echo', encode([list]), undefined, { firstAttempt: 1 });
  const listed = resultOf(await again.outcome);
  expect(opened(listed)).toEqual(list);
});

test('what a task threw comes as the worker encoded it: class, code, cause and properties', async () => {
  const { submit } = newSubmit('odd-values.js');
  const outcome = await submit('richError', []).outcome;
  expect(outcome).toMatchObject({ status: 'failed', attempts: 1 });
  const error = opened((outcome as { thrown: Encoded }).thrown) as Error;
  expect(error).toBeInstanceOf(TypeError);
  expect(error).toMatchObject({ message: 'rich', code: 'E_RICH', detail: { at: 7 }, cause: new RangeError('below') });
  expect(error.stack).toContain('odd-values.js');
  const custom = await submit('ownClass', []).outcome;
  expect(opened((custom as { thrown: Encoded }).thrown)).toMatchObject({ name: 'PaymentError', message: 'declined' });
});

test("the pool's own errors are errors: unknown task, unserialisable result, arguments that no worker can read", async () => {
  const { pool, submit } = newSubmit();
  const early = submit('nothing', []);
  expect(await early.outcome).toMatchObject({ status: 'failed', error: { code: 'ERR_EVERPOOL_UNKNOWN_TASK' } });
  const args: Encoded[] = [
    { codec: Codec.V8, body: Buffer.from('no V8 stream'), attachments: [], bytes: 12 },
    { codec: Codec.Json, body: '{"length":4000000000}', attachments: [], bytes: 21 },
    { codec: Codec.Undefined, body: undefined, attachments: [], bytes: 0 },
  ];
  for (const each of args) {
    const { outcome } = submitEncoded(coreOf(pool), 'noop', each, undefined, { firstAttempt: 1 });
    expect(await outcome).toMatchObject({ status: 'failed', error: { code: 'ERR_EVERPOOL_SERIALIZATION', side: 'arguments' } });
  }
  const odd = newSubmit('odd-values.js');
  expect(await odd.submit('functionResult', []).outcome).toMatchObject({
    status: 'failed',
    error: { code: 'ERR_EVERPOOL_SERIALIZATION', side: 'result' },
  });
  expect(pool.workers().map(({ id }) => id)).toEqual([1]);
});

test('deaths, limits and cancels end the task as they end any other', async () => {
  const { submit } = newSubmit('tasks.js', { graceMs: 50 });
  const died = await submit('exit', [3]).outcome;
  expect(died).toMatchObject({ status: 'failed', error: { code: 'ERR_EVERPOOL_WORKER_DIED', death: { exitCode: 3 } }, attempts: 1 });
  const slow = await submit('spinForever', [], { timeoutMs: 100 }).outcome;
  expect(slow).toMatchObject({ status: 'failed', error: { code: 'ERR_EVERPOOL_TIMEOUT', kind: 'run' }, attempts: 1 });
  expect(slow.ms).toBeGreaterThanOrEqual(99);
  const running = submit('spinForever', []);
  const queued = submit('echo', [1]);
  await queued.cancel('not needed');
  expect(await queued.outcome).toMatchObject({ status: 'cancelled', error: { reason: 'not needed', forced: false }, attempts: 0 });
  expect(await running.started).toMatchObject({ number: 1 });
  await running.kill('enough');
  expect(await running.outcome).toMatchObject({ status: 'cancelled', error: { reason: 'enough', forced: true }, attempts: 1 });
  expect(opened(resultOf(await submit('echo', [2]).outcome))).toBe(2);
});

test('progress arrives encoded; the attempts are numbered after those elsewhere', async () => {
  const { submit } = newSubmit();
  const values: unknown[] = [];
  const onProgress = (value: Encoded): unknown => values.push(opened(value));
  const done = await submit('progress', [[1, { a: new Set([2]) }]], undefined, { onProgress }).outcome;
  expect(opened(resultOf(done))).toBe(2);
  await vi.waitFor(() => expect(values).toEqual([1, { a: new Set([2]) }]));
  expect(opened(resultOf(await submit('attempt', [], undefined, { firstAttempt: 3 }).outcome))).toBe(3);
  const retried = await submit('failUntil', [5], { retries: { error: 5 } }, { firstAttempt: 4 }).outcome;
  expect(retried).toMatchObject({ status: 'succeeded', attempts: 2 });
});

test('a forged reply passes unread, or fails its task alone', async () => {
  const { pool, submit } = newSubmit('forges.js');
  const body = 'no V8 stream';
  const passed = await submit('forge', [[{ type: FrameType.Result, codec: Codec.V8, body }]]).outcome;
  expect(passed).toMatchObject({ status: 'succeeded', value: { codec: Codec.V8, body: Buffer.from(body) } });
  const thrown = await submit('forge', [[{ type: FrameType.Failure, codec: Codec.V8, body }]]).outcome;
  expect(thrown).toMatchObject({ status: 'failed', thrown: { codec: Codec.V8, body: Buffer.from(body) } });
  for (const frame of [
    { type: FrameType.Result, codec: 99, body },
    { type: FrameType.Failure, codec: 99, body },
    { type: FrameType.Failure, codec: Codec.V8, body, flags: Flag.UnknownTask },
  ])
    expect(await submit('forge', [[frame]]).outcome).toMatchObject({
      status: 'failed',
      error: { code: 'ERR_EVERPOOL_SERIALIZATION' },
    });
  expect(await submit('forge', [[{ type: FrameType.Value, codec: Codec.Json, body: '1' }]]).outcome).toMatchObject({
    status: 'failed',
    error: { death: { cause: 'protocol' } },
  });
  expect(opened(resultOf(await submit('echo', [1]).outcome))).toBe(1);
  expect(pool.state).toBe('open');
});
