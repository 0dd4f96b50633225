import { describe, expect, test } from 'vitest';
import {
  EverpoolError,
  OptionsError,
  OutOfMemoryError,
  PoolBrokenError,
  PoolClosedError,
  QueueFullError,
  SerializationError,
  TaskCancelledError,
  TaskTimeoutError,
  UnknownTaskError,
  WorkerDiedError,
} from '../../../src/shared/errors.js';
import type { Death } from '../../../src/shared/types.js';

const death: Death = {
  cause: 'signal',
  phase: 'task',
  requested: false,
  pid: 7,
  exitCode: null,
  signal: 'SIGKILL',
  uptimeMs: 1,
  stderrTail: '',
};
const died = { death, taskId: 1, taskName: 'work', attempts: [] };
const cause = new Error('the reason');

describe('errors', () => {
  test.each([
    [new OptionsError('m', { cause }), 'OptionsError', 'ERR_EVERPOOL_OPTIONS'],
    [new UnknownTaskError('m', { taskName: 'a', exports: ['b'], cause }), 'UnknownTaskError', 'ERR_EVERPOOL_UNKNOWN_TASK'],
    [new WorkerDiedError('m', { ...died, cause }), 'WorkerDiedError', 'ERR_EVERPOOL_WORKER_DIED'],
    [new OutOfMemoryError('m', { ...died, cause }), 'OutOfMemoryError', 'ERR_EVERPOOL_OUT_OF_MEMORY'],
    [new TaskTimeoutError('m', { kind: 'run', timeoutMs: 1, cause }), 'TaskTimeoutError', 'ERR_EVERPOOL_TIMEOUT'],
    [new TaskCancelledError('m', { reason: 0, forced: true, cause }), 'TaskCancelledError', 'ERR_EVERPOOL_CANCELLED'],
    [new QueueFullError('m', { cause }), 'QueueFullError', 'ERR_EVERPOOL_QUEUE_FULL'],
    [new PoolClosedError('m', { cause }), 'PoolClosedError', 'ERR_EVERPOOL_CLOSED'],
    [new PoolBrokenError('m', { death, cause }), 'PoolBrokenError', 'ERR_EVERPOOL_BROKEN'],
    [new SerializationError('m', { side: 'result', cause }), 'SerializationError', 'ERR_EVERPOOL_SERIALIZATION'],
  ])('%s has its name, its code, its cause and a stack that begins with the name', (error, name, code) => {
    expect(error).toBeInstanceOf(EverpoolError);
    expect(error.name).toBe(name);
    expect(error.code).toBe(code);
    expect(error.cause).toBe(cause);
    expect(error.stack).toMatch(new RegExp(`^${name}: m\n`));
    expect(Object.keys(error)).not.toContain('name');
  });

  test('an error without a cause has no cause property', () => {
    expect(Object.hasOwn(new TaskTimeoutError('m', { kind: 'queue', timeoutMs: 5 }), 'cause')).toBe(false);
    expect(Object.hasOwn(new TaskTimeoutError('m', { kind: 'queue', timeoutMs: 5, workerStack: undefined }), 'workerStack')).toBe(false);
  });

  test('details are kept as properties', () => {
    expect(new TaskTimeoutError('m', { kind: 'run', timeoutMs: 5, workerStack: 'at f' })).toMatchObject({
      kind: 'run',
      workerStack: 'at f',
    });
    expect(new UnknownTaskError('m', { taskName: 'a', exports: ['b'] })).toMatchObject({ taskName: 'a', exports: ['b'] });
    expect(new OutOfMemoryError('m', died)).toMatchObject(died);
    expect(new OutOfMemoryError('m', died)).toBeInstanceOf(WorkerDiedError);
    expect(new TaskCancelledError('m', { reason: 'r', forced: false })).toMatchObject({ reason: 'r', forced: false });
  });
});
