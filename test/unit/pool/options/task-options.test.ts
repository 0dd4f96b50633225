import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { resolveMapOptions, resolveTaskDefaults, resolveTaskOptions } from '../../../../src/pool/options/task-options.js';
import { OptionsError } from '../../../../src/shared/errors.js';

const none = resolveTaskDefaults(undefined);
function resolveAny(options: unknown, defaults = none) {
  return resolveTaskOptions(options as Parameters<typeof resolveTaskOptions>[0], defaults);
}

describe('task options', () => {
  test('without options the defaults themselves are used', () => {
    const defaults = resolveTaskDefaults({ timeoutMs: 5 });
    expect(resolveTaskOptions(undefined, defaults)).toBe(defaults);
    expect(defaults).toEqual({ ...none, timeoutMs: 5 });
  });

  test('a given option replaces the default, an undefined one does not', () => {
    const defaults = resolveTaskDefaults({ timeoutMs: 5, queueTimeoutMs: 6, priority: 2 });
    expect(resolveAny({ timeoutMs: undefined, priority: -1, tag: 't' }, defaults)).toEqual({ ...defaults, priority: -1, tag: 't' });
  });

  test('Infinity means never, also where the pool has a default', () => {
    const defaults = resolveTaskDefaults({ timeoutMs: 5, softTimeoutMs: Number.POSITIVE_INFINITY });
    expect(defaults.softTimeoutMs).toBeUndefined();
    expect(resolveAny({ timeoutMs: Number.POSITIVE_INFINITY }, defaults).timeoutMs).toBeUndefined();
  });

  test('every object of options has its keys in one order', () => {
    const orders = [{}, { tag: 'a', timeoutMs: 1 }, { retries: 2, priority: 1 }, { priority: 1, retries: 2 }].map((options) =>
      Object.keys(resolveAny(options)),
    );
    for (const keys of orders) expect(keys).toEqual(Object.keys(none));
  });

  test('G2: retries replace the default as a whole, so 0 means at most once', () => {
    const defaults = resolveTaskDefaults({ retries: { crash: 3, timeout: 3, error: 3 } });
    expect(resolveAny({ retries: 0 }, defaults).retries).toEqual({ crash: 0, timeout: 0, error: 0, delayMs: 0 });
    expect(resolveAny({ retries: 2 }, defaults).retries).toEqual({ crash: 2, timeout: 0, error: 0, delayMs: 0 });
    const delayMs = (attempt: number) => attempt * 10;
    const { retries } = resolveAny({ retries: { error: 1, delayMs } }, defaults);
    expect(retries).toMatchObject({ crash: 0, timeout: 0, error: 1 });
    expect((retries.delayMs as typeof delayMs)(2)).toBe(20);
  });

  test('inherited options count as given, and a foreign key on the prototype harms nobody', () => {
    const parent = { timeoutMs: 7, foreign: 1 };
    expect(resolveAny(Object.create(parent)).timeoutMs).toBe(7);
  });

  test('a signal of another realm is accepted by its shape: a real one that fires with it stands in for it, one for all tasks', () => {
    let abort = (): void => undefined;
    const foreign = {
      aborted: false,
      reason: 'enough',
      addEventListener: (_: string, listener: () => void) => {
        abort = listener;
      },
      [Symbol.toStringTag]: 'AbortSignal',
    };
    const { signal } = resolveAny({ signal: foreign });
    expect(signal).toBeInstanceOf(AbortSignal);
    expect(resolveAny({ signal: foreign }).signal).toBe(signal);
    abort();
    expect(signal?.reason).toBe('enough');
    expect(resolveAny({ signal: { ...foreign, aborted: true } }).signal?.aborted).toBe(true);
  });

  test('options are read once, and what a getter or a proxy of the program throws is an OptionsError that names it', () => {
    let reads = 0;
    const counted = {
      get timeoutMs() {
        reads += 1;
        return reads === 1 ? 5 : -1;
      },
    };
    expect(resolveAny(counted).timeoutMs).toBe(5);
    const broken = (key: string): object =>
      Object.defineProperty({}, key, {
        enumerable: true,
        get() {
          throw Object.create(null);
        },
      });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const key of ['signal', 'timeoutMs', 'tag', 'onProgress', 'retries']) {
      expect(() => resolveAny(broken(key))).toThrow(`${key}: expected a value that can be read`);
    }
    expect(() => resolveAny({ retries: broken('delayMs') })).toThrow('retries.delayMs: expected a value that can be read');
    expect(() => resolveMapOptions(broken('bufferSize'), none)).toThrow('bufferSize: expected a value that can be read');
    expect(() => resolveAny(proxy)).toThrow(OptionsError);
    expect(() => resolveAny({ retries: proxy })).toThrow(OptionsError);
    expect(() => resolveAny({ signal: proxy })).toThrow('signal: expected an AbortSignal');
  });

  test('a value that only resembles a signal, and throws or fails when it is used, is refused', () => {
    const { signal } = new AbortController();
    const like = { aborted: false, addEventListener: () => undefined, [Symbol.toStringTag]: 'AbortSignal' };
    const refuse = (): never => {
      throw new Error('its own');
    };
    for (const odd of [
      Object.create(AbortSignal.prototype),
      { ...like, addEventListener: refuse },
      { ...like, aborted: 'no' },
      Object.defineProperty({ ...like }, 'aborted', { get: refuse }),
      Object.defineProperty({ ...like }, Symbol.toStringTag, { get: refuse }),
      new Proxy(signal, { get: refuse }),
    ]) {
      expect(() => resolveAny({ signal: odd })).toThrow('signal: expected an AbortSignal');
    }
  });

  test.each([
    [null, 'options: expected an object, got null'],
    [5, 'options: expected an object, got 5 (number)'],
    [{ timeout: 5 }, 'timeout: unknown option; did you mean timeoutMs?'],
    [{ timeoutMs: '5' }, 'timeoutMs: expected a number of milliseconds >= 0 (Infinity: never), got "5" (string)'],
    [{ timeoutMs: null }, 'timeoutMs: expected'],
    [{ softTimeoutMs: -1 }, 'softTimeoutMs: expected'],
    [{ queueTimeoutMs: Number.NaN }, 'queueTimeoutMs: expected'],
    [{ priority: Number.POSITIVE_INFINITY }, 'priority: expected a finite number'],
    [{ priority: '1' }, 'priority: expected'],
    [{ retries: -1 }, 'retries: expected an integer >= 0, got -1 (number)'],
    [{ retries: 0.5 }, 'retries: expected'],
    [{ retries: Number.POSITIVE_INFINITY }, 'retries: expected'],
    [{ retries: '2' }, 'retries: expected an integer >= 0 or an object, got "2" (string)'],
    [{ retries: null }, 'retries: expected'],
    [{ retries: { error: -1 } }, 'retries.error: expected'],
    [{ retries: { delayMs: Number.POSITIVE_INFINITY } }, 'retries.delayMs: expected'],
    [{ tag: 5 }, 'tag: expected a string'],
    [{ onProgress: {} }, 'onProgress: expected a function'],
    [{ signal: 'x' }, 'signal: expected an AbortSignal'],
  ])('%o is refused, naming the option, the rule and the value', (options, message) => {
    expect(() => resolveAny(options)).toThrow(OptionsError);
    expect(() => resolveAny(options)).toThrow(message);
  });
});

describe('map options', () => {
  test('the defaults are those of the documentation', () => {
    expect(resolveMapOptions(undefined, none)).toEqual({
      ordered: true,
      chunkSize: 'auto',
      bufferSize: undefined,
      onError: 'stop',
      journal: undefined,
      resume: 'missing',
      task: none,
    });
  });

  test('the options of its tasks are among its own', () => {
    const defaults = resolveTaskDefaults({ timeoutMs: 5 });
    const options = resolveMapOptions({ ordered: false, chunkSize: 3, bufferSize: 8, onError: 'continue', tag: 'm', retries: 1 }, defaults);
    expect(options).toMatchObject({ ordered: false, chunkSize: 3, bufferSize: 8, onError: 'continue' });
    expect(options.task).toEqual({ ...defaults, tag: 'm', retries: { crash: 1, timeout: 0, error: 0, delayMs: 0 } });
  });

  test('a journal is a path or a file: URL, and is kept as an absolute path', () => {
    const path = resolve('a b.journal');
    for (const journal of ['a b.journal', path, pathToFileURL(path), pathToFileURL(path).href]) {
      expect(resolveMapOptions({ journal }, none).journal).toBe(path);
    }
  });

  test.each([
    [{ chunkSize: 0 }, "chunkSize: expected an integer >= 1 or 'auto', got 0 (number)"],
    [{ chunkSize: -1 }, 'chunkSize: expected'],
    [{ chunkSize: 'big' }, 'chunkSize: expected'],
    [{ bufferSize: 0 }, 'bufferSize: expected'],
    [{ bufferSize: Number.POSITIVE_INFINITY }, 'bufferSize: expected'],
    [{ onError: 'ignore' }, 'onError: expected'],
    [{ resume: true }, 'resume: expected'],
    [{ journal: '' }, 'journal: expected a path or a file: URL'],
    [{ journal: new URL('http://localhost/x') }, 'journal: expected a path or a file: URL'],
    [{ ordred: true }, 'ordred: unknown option; did you mean ordered?'],
    [{ timeoutMs: -1 }, 'timeoutMs: expected'],
    [7, 'options: expected an object'],
  ])('%o is refused', (options, message) => {
    expect(() => resolveMapOptions(options as never, none)).toThrow(OptionsError);
    expect(() => resolveMapOptions(options as never, none)).toThrow(message);
  });
});
