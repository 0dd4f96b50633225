/** Errors of the package, encoded on one machine and decoded on another. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { HostLostError, ResultLostError, StoreError } from '../../../src/cluster/errors.js';
import { decode, encode } from '../../../src/ipc/codec/codec.js';
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
import { restoreError } from '../../../src/shared/restore-error.js';
import type { Attempt, Death } from '../../../src/shared/types.js';

function sent(value: unknown): unknown {
  const { codec, body, attachments } = encode(value);
  return decode(codec, body ?? '', attachments);
}

const cause = new RangeError('why');
const death: Death = {
  cause: 'memory',
  phase: 'task',
  requested: false,
  pid: 7,
  exitCode: null,
  signal: 'SIGKILL',
  uptimeMs: 1,
  stderrTail: 'tail',
  detail: 'more',
  samples: [{ uptimeMs: 1, rssBytes: 2 }],
};
const attempt: Attempt = { number: 3, workerId: 1, pid: 7, startedAt: 1, endedAt: 2, outcome: 'orphaned' };
const died = { death, taskId: 't-1', taskName: 'work', attempts: [attempt] };
const unstarted: Death = {
  cause: 'spawn',
  phase: 'boot',
  requested: false,
  pid: undefined,
  exitCode: null,
  signal: null,
  uptimeMs: 0,
  stderrTail: '',
};

const errors = [
  new EverpoolError('m', 'ERR_EVERPOOL_INTERNAL', { cause }),
  new OptionsError('m'),
  new UnknownTaskError('m', { taskName: 'a', exports: ['b'] }),
  new WorkerDiedError('m', { ...died, cause }),
  new WorkerDiedError('m', { death: unstarted, taskId: 1, taskName: 'work', attempts: [] }),
  new OutOfMemoryError('m', died),
  new TaskTimeoutError('m', { kind: 'run', timeoutMs: 1, workerStack: 'at f' }),
  new TaskTimeoutError('m', { kind: 'queue', timeoutMs: Number.POSITIVE_INFINITY, cause }),
  new TaskCancelledError('m', { reason: { a: [1] }, forced: true }),
  new TaskCancelledError('m', { reason: undefined, forced: false }),
  new QueueFullError('m'),
  new PoolClosedError('m', { cause }),
  new PoolBrokenError('m', { death: unstarted, cause }),
  new SerializationError('m', { side: 'result', cause }),
  new HostLostError('m', { why: 'silent', host: undefined, taskId: 't-1', taskName: 'work', attempts: [] }),
  new HostLostError('m', { why: 'drained', host: 'a.1', taskId: 't-1', taskName: 'work', attempts: [attempt], cause }),
  new ResultLostError('m'),
  new StoreError('m', { cause }),
];

describe('restoreError', () => {
  test.each(errors.map((error) => [error.name, error] as const))('%s arrives as its class, whole', (_name, error) => {
    const plain = sent(error) as Error;
    expect(Object.getPrototypeOf(plain)).toBe(Error.prototype);
    const restored = restoreError(plain) as EverpoolError;
    expect(restored).toBe(plain);
    expect(Object.getPrototypeOf(restored)).toBe(Object.getPrototypeOf(error));
    expect(restored).toStrictEqual(error);
    expect(Object.keys(restored).sort()).toEqual(Object.keys(error).sort());
    expect(Object.hasOwn(restored, 'name')).toBe(false);
    expect(restored.stack).toMatch(new RegExp(`^${error.name}: m`));
    expect(restored.cause).toEqual(error.cause);
    expect(inspect(restored)).not.toContain(' name:');
  });

  const base = { code: 'ERR_EVERPOOL_WORKER_DIED', ...died };
  test.each([
    ['no details', { code: 'ERR_EVERPOOL_WORKER_DIED' }],
    ['a death that is none', { ...base, death: 7 }],
    ['a death of unknown cause', { ...base, death: { ...death, cause: 'boredom' } }],
    ['a death without its tail', { ...base, death: { ...death, stderrTail: undefined } }],
    ['samples that are none', { ...base, death: { ...death, samples: [7] } }],
    ['attempts that are no list', { ...base, attempts: { length: 4e9 } }],
    ['an attempt that is none', { ...base, attempts: [attempt, undefined] }],
    ['a list with a hole', { ...base, attempts: Object.assign([attempt], { length: 4e9 }) }],
    ['an id that is an object', { ...base, taskId: { toString: 7 } }],
    ['a stack that is no text', { ...base, stack: 7 }],
    ['a message that is no text', { ...base, message: 7 }],
    ['names that are no texts', { code: 'ERR_EVERPOOL_UNKNOWN_TASK', taskName: 'a', exports: [7] }],
    ['a side that is none', { code: 'ERR_EVERPOOL_SERIALIZATION', side: 'up' }],
    ['a reason to be lost that is none', { ...base, code: 'ERR_EVERPOOL_HOST_LOST', why: 'bored' }],
    ['a code of others', { code: 'ERR_OTHER' }],
    ['a code in disguise', { code: 'ERR_EVERPOOL_OPTIONS\n' }],
    ['a code that is no text', { code: ['ERR_EVERPOOL_OPTIONS'] }],
  ])('an error with %s stays a plain one', (_what, fields) => {
    const plain = Object.assign(new Error('m'), fields);
    expect(restoreError(plain)).toBe(plain);
    expect(Object.getPrototypeOf(plain)).toBe(Error.prototype);
  });

  test('leaves everything else alone, and throws nothing', () => {
    const thrower = (): never => {
      throw new Error('a trap');
    };
    const all = { getPrototypeOf: thrower, getOwnPropertyDescriptor: thrower };
    const frozen = Object.freeze(Object.assign(new Error('m'), { code: 'ERR_EVERPOOL_OPTIONS' }));
    const getter = Object.defineProperty(new Error('m'), 'code', { get: () => 'ERR_EVERPOOL_OPTIONS' });
    const other = Object.assign(new TypeError('m'), { code: 'ERR_EVERPOOL_OPTIONS' });
    const object = { code: 'ERR_EVERPOOL_OPTIONS', message: 'm' };
    for (const value of [undefined, null, 7, 'text', object, frozen, getter, other, new Proxy(new Error('m'), all)]) {
      expect(restoreError(value)).toBe(value);
      if (value === frozen || value === getter || value === other) expect(value).not.toBeInstanceOf(EverpoolError);
    }
  });

  test('a property `__proto__` in the bytes changes no prototype', () => {
    const plain = new Error('m');
    Object.defineProperty(plain, '__proto__', { value: { evil: 1 }, enumerable: true, writable: true, configurable: true });
    const restored = restoreError(sent(Object.assign(plain, { code: 'ERR_EVERPOOL_OPTIONS' })));
    expect(restored).toBeInstanceOf(OptionsError);
    expect((restored as { evil?: number }).evil).toBeUndefined();
  });
});

test('HostLostError is a death by the host, requested if it was drained', () => {
  const error = new HostLostError('m', { why: 'drained', host: 'a.1', taskId: 't-1', taskName: 'work', attempts: [] });
  expect(error).toBeInstanceOf(WorkerDiedError);
  expect(error).toMatchObject({ code: 'ERR_EVERPOOL_HOST_LOST', why: 'drained', host: 'a.1', taskId: 't-1' });
  expect(error.death).toMatchObject({ cause: 'host', phase: 'task', requested: true });
});
