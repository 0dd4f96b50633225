/** Values and errors that arrive: as structured clone would give them, and large ones whole. */
import { describe, expect, test } from 'vitest';
import { fixture, newPool, rejection, useKit } from '../../kit/pools.js';

describe('values', () => {
  useKit();

  test('values arrive as structured clones', async () => {
    const pool = newPool({ size: 1 });
    const value: Record<string, unknown> = {
      map: new Map([[1, new Set(['a'])]]),
      date: new Date(5),
      big: 10n,
      zero: -0,
      nan: Number.NaN,
      regexp: /x/g,
    };
    value['self'] = value;
    value['holes'] = [1, undefined, 2];
    expect(await pool.run('echo', [value])).toEqual(value);
  });

  test('100 MiB travel both ways', async () => {
    const pool = newPool({ size: 1 });
    const big = Buffer.alloc(100 << 20, 'everpool');
    const back = (await pool.run('echo', [big])) as Buffer;
    expect(Buffer.isBuffer(back)).toBe(true);
    expect(big.equals(back)).toBe(true);
  });

  test('an error arrives with class, message, code, cause, properties and the line in the worker', async () => {
    const pool = newPool({ module: fixture('odd-values.js') });
    const error = await rejection(pool.run('richError' as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message: 'rich', code: 'E_RICH', detail: { at: 7 } });
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(error.stack).toContain('odd-values.js');
    expect(error.stack).toContain('values.test');
    expect(await rejection(pool.run('frozenError' as never))).toMatchObject({ message: 'frozen' });
    const own = await rejection(pool.run('ownClass' as never));
    expect(own.name).toBe('PaymentError');
    expect(own).toBeInstanceOf(Error);
  });
});
