/** Options of a pool as its program sees them. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fixture, newPool, useKit } from '../../kit/pools.js';

describe('options', () => {
  useKit();

  test('wrong options are refused immediately, with the option, the rule and the value', () => {
    expect(() => newPool({ size: 0 })).toThrow(/size.*>= 1.*0/);
    expect(() => newPool({ restart: { intensity: -1 } })).toThrow(/restart\.intensity/);
    expect(() => newPool({ siez: 1 } as never)).toThrow(/siez/);
  });

  test('env is there before any module loads, and PATH is kept', async () => {
    const pool = newPool({ module: fixture('initialised.js'), env: { EVERPOOL_TEST: 'yes' } });
    expect(await pool.run('environment' as never)).toEqual({ test: 'yes', path: true });
    expect(readFileSync(new URL('../../fixtures/initialised.js', import.meta.url), 'utf8')).toContain('EVERPOOL_TEST');
  });
});
