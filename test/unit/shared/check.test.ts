import { describe, expect, test } from 'vitest';
import { check, fraction, integerFrom1, Section } from '../../../src/shared/check.js';
import { OptionsError } from '../../../src/shared/errors.js';
import { show } from '../../../src/shared/show.js';

describe('checks', () => {
  test('a failure names the option, the rule and the value', () => {
    expect(() => check('size', integerFrom1, -1)).toThrow(new OptionsError('size: expected an integer >= 1, got -1 (number)'));
    expect(() => check('a.jitter', fraction, '12')).toThrow('a.jitter: expected a number from 0 to 1, got "12" (string)');
  });

  test('an unknown key is refused with the key that was probably meant', () => {
    expect(() => new Section('restart', { intensty: 1 }, ['intensity', 'periodMs'])).toThrow(
      'restart.intensty: unknown option; did you mean restart.intensity?',
    );
    expect(() => new Section('', { Timeout: 1 }, ['timeoutMs', 'tag'])).toThrow('Timeout: unknown option; did you mean timeoutMs?');
    expect(() => new Section('', { elephant: 1 }, ['timeoutMs', 'tag'])).toThrow(
      'elephant: unknown option; the options here are timeoutMs, tag',
    );
  });

  test('an unknown key is refused even if its value is undefined', () => {
    expect(() => new Section('', { tga: undefined }, ['tag'])).toThrow(OptionsError);
  });

  test.each([
    [Number.NaN, 'NaN (number)'],
    [-0, '-0 (number)'],
    ['x'.repeat(100), `"${'x'.repeat(60)}…" (string)`],
    [null, 'null'],
    [undefined, 'undefined'],
    [5n, '5n (bigint)'],
    [Symbol('s'), 'Symbol(s) (symbol)'],
    [[1], 'an array'],
    [{}, 'an object'],
    [Object.create(null), 'an object'],
    [new Date(0), 'an object (Date)'],
    [() => 1, 'a function'],
    [true, 'true (boolean)'],
  ])('%s is shown with its type', (value, text) => {
    expect(show(value)).toBe(text);
  });

  test('a proxy that throws from everything can be shown', () => {
    const hostile = new Proxy(
      {},
      {
        getPrototypeOf() {
          throw new Error('no');
        },
      },
    );
    expect(show(hostile)).toBe('an object');
  });
});
