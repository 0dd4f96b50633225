import { describe, expect, it } from 'vitest';
import { checkConnection, checkQueueName } from '../../../../src/cluster/store/connection-options.js';
import { OptionsError } from '../../../../src/shared/errors.js';

function messageOf(value: unknown): string {
  try {
    checkConnection('connection', value);
  } catch (error) {
    expect(error).toBeInstanceOf(OptionsError);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

describe('checkConnection', () => {
  it('fills in the defaults', () => {
    expect(checkConnection('c', { redis: 'rediss://h' })).toEqual({ kind: 'redis', driver: 'rediss://h', prefix: 'everpool' });
    expect(checkConnection('c', { postgres: { host: 'h' } })).toEqual({
      kind: 'postgres',
      driver: { host: 'h' },
      schema: 'everpool',
      migrate: true,
      max: undefined,
    });
    expect(checkConnection('c', { postgres: 'postgresql://h/d', schema: 's_1$', migrate: false, max: 2 })).toMatchObject({
      schema: 's_1$',
      migrate: false,
      max: 2,
    });
  });

  it.each<[unknown, string]>([
    [undefined, 'connection: expected {redis} or {postgres}, got undefined'],
    ['redis://:hush@h', 'connection: expected {redis} or {postgres}, got a string'],
    [{}, 'connection: expected either redis or postgres'],
    [{ redis: 'redis://h', postgres: 'postgres://h' }, 'connection: expected either redis or postgres'],
    [{ redi: 'redis://h' }, 'connection.redi: unknown option; did you mean connection.redis?'],
    [{ redis: 'redis://h', schema: 's' }, 'connection.schema: it is an option of postgres only'],
    [{ postgres: 'postgres://h', prefix: 'p' }, 'connection.prefix: it is an option of redis only'],
    [{ redis: 6379 }, 'connection.redis: expected a redis:// or rediss:// URL, or the options of ioredis, got 6379 (number)'],
    [{ redis: 'hush' }, 'connection.redis: expected a redis:// or rediss:// URL, or the options of ioredis, got a string'],
    [{ redis: 'http://:hush@h' }, 'connection.redis: expected a redis:// or rediss:// URL, or the options of ioredis, got an URL of http:'],
    [{ postgres: 'redis://:hush@h' }, 'connection.postgres: expected a postgres:// URL, or the options of pg, got an URL of redis:'],
    [{ redis: { keyPrefix: 'x' } }, 'connection.redis.keyPrefix: it is not possible here; write connection.prefix'],
    [{ redis: 'redis://h', prefix: 'a b' }, 'connection.prefix: expected a non-empty string without spaces, got "a b" (string)'],
    [
      { postgres: 'postgres://h', schema: 'a-b' },
      'connection.schema: expected a letter or _, then at most 62 letters, digits, _ or $, got "a-b" (string)',
    ],
    [{ postgres: 'postgres://h', max: 0 }, 'connection.max: expected an integer >= 1, got 0 (number)'],
    [{ postgres: 'postgres://h', migrate: 1 }, 'connection.migrate: expected a boolean, got 1 (number)'],
  ])('refuses %j', (value, message) => {
    expect(messageOf(value)).toBe(message);
    expect(messageOf(value)).not.toContain('hush');
  });

  it('refuses a client and a pool', () => {
    const pool = { query: () => undefined, connect: () => undefined, options: { password: 'hush' } };
    expect(messageOf({ postgres: pool })).toBe(
      'connection.postgres: expected a postgres:// URL, or the options of pg, got a client or a pool: the store makes connections of its own',
    );
    expect(messageOf({ redis: pool })).toContain('got a client or a pool');
  });

  it('reads hostile options once', () => {
    const hostile = {
      get redis(): string {
        throw new Error('hush');
      },
    };
    expect(() => checkConnection('connection', hostile)).toThrow(OptionsError);
  });
});

describe('checkQueueName', () => {
  it('takes letters, digits, and - _ . @', () => {
    expect(checkQueueName('name', 'images@2.x_y-z')).toBe('images@2.x_y-z');
    for (const name of ['', 'a:b', 'a~b', 'a b', 'é', 'x'.repeat(101), 7])
      expect(() => checkQueueName('name', name)).toThrow(/^name: expected 1 to 100/);
  });
});
