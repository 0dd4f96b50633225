import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../../src/cluster/errors.js';
import { checkPg, loadBullMQ, loadIORedis } from '../../../../src/cluster/store/peers.js';
import { asError, isLost, isRefusal, messageOf, storeErrorOf } from '../../../../src/cluster/store/refusals.js';
import { OptionsError } from '../../../../src/shared/errors.js';

const reply = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' });
const coded = (code: unknown, message = 'an error'): Error => Object.assign(new Error(message), { code });

describe('isRefusal', () => {
  it.each([
    ['a wrong value of PostgreSQL', coded('22P05')],
    ['a constraint', coded('23505')],
    ['more than fits', coded('54000')],
    ['an answer of BullMQ', coded(-1)],
    ['a wrong command', reply('ERR wrong number of arguments')],
    ['a string that is too long', new RangeError('Invalid string length')],
    ['an option', new OptionsError('id: …')],
  ])('%s: yes', (_name, error) => expect(isRefusal(error)).toBe(true));

  it.each([
    ['no connection', coded('ECONNREFUSED')],
    ['a reset', coded('ECONNRESET')],
    ['a server that stops', coded('57P01')],
    ['too many connections', coded('53300')],
    ['a wrong password', coded('28P01')],
    ['a missing right', reply('NOPERM this user has no permissions')],
    ['a server that loads', reply('LOADING Redis is loading the dataset in memory')],
    ['no memory, in a script', reply('ERR Error running script: @user_script: 5: -OOM command not allowed')],
    ['a closed connection', new Error('Connection is closed.')],
    ['nothing', undefined],
  ])('%s: no', (_name, error) => expect(isRefusal(error)).toBe(false));
});

it('a lost lock, and a lost job', () => {
  for (const code of [-1, -2, -3, -6]) expect(isLost(coded(code))).toBe(true);
  for (const error of [coded(-8), coded('22000'), new Error('x'), null]) expect(isLost(error)).toBe(false);
});

describe('storeErrorOf', () => {
  it('says what waiting does not help against', () => {
    for (const error of [
      reply('WRONGPASS invalid username-password pair'),
      reply('NOAUTH Authentication required.'),
      coded('28P01'),
      coded('3D000'),
      coded('42501'),
    ]) {
      const refusal = storeErrorOf(error);
      expect(refusal).toBeInstanceOf(StoreError);
      expect(refusal?.cause).toBe(error);
      expect(refusal?.message).toContain(error.message);
    }
    expect(storeErrorOf(Object.assign(new Error('no tables'), { name: 'SchemaMigrationRequiredError' }))?.message).toContain(
      'everpool cluster migrate',
    );
    const own = new StoreError('too old');
    expect(storeErrorOf(own)).toBe(own);
  });

  it('and nothing else', () => {
    for (const error of [coded('ECONNREFUSED'), reply('LOADING'), new Error('Connection is closed.'), undefined, 'text'])
      expect(storeErrorOf(error)).toBeUndefined();
  });
});

it('any value has a message, and is an error', () => {
  expect(messageOf(Object.assign(Object.create(Error.prototype), { errors: [coded('ECONNREFUSED', 'connect ECONNREFUSED ::1:1')] }))).toBe(
    'connect ECONNREFUSED ::1:1',
  );
  expect(messageOf(coded('EPIPE', ''))).toBe('EPIPE');
  expect(messageOf(undefined)).toBe('an error without a message');
  expect(asError({ event: 'error' })).toBeInstanceOf(Error);
});

describe('a peer that is missing', () => {
  const none = (name: string) => () => {
    throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' });
  };

  it('is named with the command that installs it', () => {
    expect(() => loadBullMQ(none('bullmq'))).toThrow(
      /needs the package bullmq, .*npm install bullmq@6\.7 ioredis@6 \(for PostgreSQL: bullmq@6\.7 pg@8\)$/,
    );
    expect(() => loadIORedis(none('ioredis'))).toThrow(/needs the package ioredis, .*npm install bullmq@6\.7 ioredis@6$/);
    expect(() => checkPg(none('pg'))).toThrow(/needs the package pg, .*npm install bullmq@6\.7 pg@8$/);
  });

  it('another version of BullMQ is refused', () => {
    const load = (name: string): unknown => (name === 'bullmq' ? {} : { version: '6.8.1' });
    expect(() => loadBullMQ(load)).toThrow('connection: everpool works with bullmq 6.7, and 6.8.1 is installed: npm install bullmq@6.7');
  });

  it('one that breaks while it loads says so itself', () => {
    const broken = (): never => {
      throw new SyntaxError('broken');
    };
    expect(() => loadBullMQ(broken)).toThrow(SyntaxError);
  });
});
