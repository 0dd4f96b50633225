import { describe, expect, test } from 'vitest';
import { hostPoolOptions, resolveServeOptions } from '../../../../src/cluster/host/host-options.js';
import type { ServeOptions } from '../../../../src/cluster/types.js';

const connection = { redis: 'redis://localhost' };

function messageOf(options: Record<string, unknown>): string {
  try {
    resolveServeOptions({ connection, ...options } as ServeOptions);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_OPTIONS' });
    return (error as Error).message;
  }
  return '';
}

describe('the options of a host', () => {
  test('have their defaults', () => {
    const { connection: _connection, host, ...rest } = resolveServeOptions({ connection });
    expect(host).toMatch(new RegExp(`\\.${process.pid}$`));
    expect(rest).toEqual({
      name: 'everpool',
      pool: {},
      lockMs: 15_000,
      checkMs: 5000,
      drainMs: 25_000,
      payloadLimit: 8 * 1024 * 1024,
      inlineLimit: 65_536,
      keepMs: 3_600_000,
      secret: [],
      signal: undefined,
    });
  });

  test('checkMs follows lockMs', () => {
    expect(resolveServeOptions({ connection, lockMs: 3000 }).checkMs).toBe(1000);
    expect(resolveServeOptions({ connection, lockMs: 3000, checkMs: 50 }).checkMs).toBe(50);
  });

  test.each([
    [{ lockMs: 999 }, 'lockMs: expected a finite number of milliseconds >= 1000, got 999 (number)'],
    [{ lockMs: Number.POSITIVE_INFINITY }, 'lockMs: expected a finite number of milliseconds >= 1000, got Infinity (number)'],
    [{ name: 'a b' }, 'name: expected 1 to 100 letters, digits, and - _ . @, got "a b" (string)'],
    [{ host: '' }, 'host: expected 1 to 100 letters, digits, and - _ . @, got "" (string)'],
    [{ checkMs: 0 }, 'checkMs: expected a finite number of milliseconds > 0, got 0 (number)'],
    [{ drainMs: -1 }, 'drainMs: expected a finite number of milliseconds >= 0, got -1 (number)'],
    [{ payloadLimit: 0 }, 'payloadLimit: expected an integer >= 1, got 0 (number)'],
    [{ keepMs: '1h' }, 'keepMs: expected a finite number of milliseconds > 0, got "1h" (string)'],
    [{ connection: {} }, 'connection: expected an object with either redis or postgres, as in { redis: url }, got an object'],
    [{ signal: 1 }, 'signal: expected an AbortSignal, got 1 (number)'],
    [{ lokMs: 1000 }, 'lokMs: unknown option; did you mean lockMs?'],
    [{ pool: { size: 0 } }, 'pool.size: expected an integer >= 1 or {min, max}, got 0 (number)'],
    [{ pool: 2 }, 'pool: expected an object, got 2 (number)'],
  ])('%o is refused by name, rule and value', (options, message) => {
    expect(messageOf(options)).toBe(message);
  });

  test.each(['module', 'name', 'queueLimit', 'task', 'signal'])('pool.%s is not an option of a host', (key) => {
    expect(messageOf({ pool: { [key]: undefined } })).toMatch(new RegExp(`^pool\\.${key}: unknown option`));
  });

  test('a secret is never in a message', () => {
    expect(messageOf({ secret: ['hunter2', ''] })).toBe('secret: expected a non-empty string, or an array of those');
    expect(messageOf({ secret: [] })).toBe('secret: expected a non-empty string, or an array of those');
    expect(resolveServeOptions({ connection, secret: 'a' }).secret).toEqual(['a']);
    expect(resolveServeOptions({ connection, secret: ['a', 'b'] }).secret).toEqual(['a', 'b']);
  });

  test('the module is required', () => {
    expect(() => hostPoolOptions(undefined, { name: 'n', pool: {} })).toThrow('module: expected the path or the URL of a task module');
    expect(hostPoolOptions('/m.js', { name: 'n', pool: { size: 1 } })).toEqual({ module: '/m.js', name: 'n', size: 1 });
  });

  test('getters of the program are read once', () => {
    let reads = 0;
    const pool = {
      get size() {
        reads += 1;
        return 1;
      },
    };
    expect(resolveServeOptions({ connection, pool }).pool).toEqual({ size: 1 });
    expect(reads).toBe(1);
  });
});
