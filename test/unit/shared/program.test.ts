import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { guarded, inContext, reportThrown, textOf } from '../../../src/shared/program.js';

/** Whatever a program can throw. Functions, because the reporter would read the values. */
const anything: Record<string, () => unknown> = {
  'an error': () => new TypeError('broken'),
  'a string': () => 'broken',
  undefined: () => undefined,
  'a symbol': () => Symbol('broken'),
  'an object without a prototype': () => Object.create(null),
  'a frozen object': () => Object.freeze({ toString: 1 }),
  'a function': () => () => undefined,
  'a revoked proxy': revoked,
  'an error whose getters throw': hostileError,
};

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function hostileError(): Error {
  const error = new Error('broken');
  // The stack first: V8 makes it of the others when it is asked for.
  for (const key of ['stack', 'message', 'name', 'code', 'detail', 'toString', 'cause']) {
    Object.defineProperty(error, key, {
      get() {
        throw new Error(`the getter of ${key}`);
      },
    });
  }
  return error;
}

describe('an exception of the program where nobody waits for it', () => {
  const warnings: (Error & { detail?: string })[] = [];
  const uncaught: unknown[] = [];
  const hear = (warning: Error): number => warnings.push(warning);
  const catchIt = (error: unknown): number => uncaught.push(error);

  beforeEach(() => {
    warnings.length = 0;
    uncaught.length = 0;
    process.on('warning', hear);
    process.on('uncaughtException', catchIt);
  });
  afterEach(() => {
    process.off('warning', hear);
    process.off('uncaughtException', catchIt);
  });

  test.each(Object.keys(anything))('becomes a warning that Node can print, be it %s', async (name) => {
    const thrown = anything[name]?.();
    guarded('a listener', () => {
      throw thrown;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(uncaught).toEqual([]);
    expect(warnings).toHaveLength(1);
    const [warning] = warnings;
    expect(warning?.name).toBe('EverpoolListenerWarning');
    expect(warning?.detail).toBe('thrown by a listener of an everpool');
    expect(`${warning}${warning?.stack}`).toContain('EverpoolListenerWarning');
    expect(warning?.cause === thrown).toBe(true);
  });

  test('is reported with its own message and stack, if it has them', async () => {
    reportThrown('a callback', new RangeError('too far'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings[0]?.message).toBe('too far');
    expect(warnings[0]?.stack).toContain('program.test');
  });

  test('does no harm even if the program has replaced the warnings of Node or the printing of errors', async () => {
    const { emitWarning } = process;
    const print = Error.prototype.toString;
    const { prepareStackTrace } = Error;
    process.emitWarning = () => {
      throw new Error('replaced');
    };
    Error.prepareStackTrace = () => {
      throw new Error('replaced');
    };
    Error.prototype.toString = () => {
      throw new Error('replaced');
    };
    try {
      reportThrown('a callback', new Error('broken'));
      await new Promise((resolve) => setImmediate(resolve));
      expect(warnings).toHaveLength(1);
    } finally {
      process.emitWarning = emitWarning;
      Error.prepareStackTrace = prepareStackTrace;
      Error.prototype.toString = print;
    }
    expect(uncaught).toEqual([]);
  });

  test.each(Object.keys(anything))('has a text, be it %s', (name) => {
    expect(textOf(anything[name]?.())).toBeTypeOf('string');
  });
});

test('a function runs in the async context in which it was given', () => {
  const client = new AsyncLocalStorage<string>();
  const seen = client.run('a', () => inContext((text: string) => `${text} ${client.getStore()}`));
  expect(client.run('b', () => seen('client'))).toBe('client a');
  expect(inContext(() => client.getStore())()).toBeUndefined();
});
