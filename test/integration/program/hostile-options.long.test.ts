/** Options with getters, and hooks that throw what cannot be printed. */
import { OptionsError, Pool, type PoolOptions } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectSound, hostile, LIMIT } from '../../kit/hostile.js';
import { fixture, newPool, rejection, useKit } from '../../kit/pools.js';

describe('options with getters', () => {
  useKit();

  test('workerData is read once: later changes to it, and its getters, reach no worker', LIMIT, async () => {
    let reads = 0;
    const bytes = Buffer.alloc(200_000, 1);
    const workerData: Record<string, unknown> = {
      list: [1],
      bytes,
      get read() {
        reads += 1;
        return reads;
      },
    };
    const pool = hostile({ workerData, restart: { backoff: { initialMs: 1 } } });
    expect(reads).toBe(1);
    workerData['f'] = () => 1;
    (workerData['list'] as unknown[]).push(() => 2);
    bytes.fill(2);
    for (let round = 0; round < 3; round += 1) {
      const data = (await pool.run('getData')) as { bytes: Buffer };
      expect(data).toMatchObject({ list: [1], read: 1 });
      expect(data).not.toHaveProperty('f');
      expect(data.bytes.every((byte) => byte === 1)).toBe(true);
      await rejection(pool.run('exit', [1]));
    }
    await expectSound(pool);
  });

  test('getters in options are read once, before anything starts; what they throw becomes an OptionsError', LIMIT, async () => {
    const env = Object.defineProperty({}, 'A', {
      enumerable: true,
      get: () => {
        throw Object.create(null);
      },
    });
    for (const key of ['env', 'workerData', 'size', 'restart', 'argv', 'killLadder', 'name', 'module', 'signal', 'task']) {
      const options = Object.defineProperty({}, key, {
        enumerable: true,
        get: () => {
          throw Object.create(null);
        },
      });
      expect(() => new Pool(options), key).toThrow(OptionsError);
    }
    expect(() => new Pool({ env })).toThrow(OptionsError);
    expect(() => new Pool({ workerData: env })).toThrow(OptionsError);
    expect(
      () =>
        new Pool({
          restart: Object.defineProperty({}, 'periodMs', {
            enumerable: true,
            get: () => {
              throw new Error('no');
            },
          }),
        }),
    ).toThrow(/restart\.periodMs/);
    const argv = ['a'];
    Object.defineProperty(argv, 'every', { value: () => true });
    argv.push(5 as never);
    expect(() => new Pool({ argv })).toThrow(OptionsError);
    let reads = 0;
    const pool = hostile(Object.defineProperty({}, 'size', { enumerable: true, get: () => (reads++ === 0 ? 1 : 'no') }) as PoolOptions);
    expect(await pool.run('add', [1, 2])).toBe(3);
    await expectSound(pool);
  });
});

describe('hooks that throw', () => {
  useKit();

  test.each(['null prototype', 'cannot be shown'])(
    'a start hook that throws what cannot be printed (%s) breaks the pool like any other',
    LIMIT,
    async (workerData) => {
      const pool = newPool<{ never(): number }>({
        module: fixture('hostile-hooks.js'),
        size: 1,
        workerData,
        restart: { intensity: 0, probeMs: false },
      });
      expect(await rejection(pool.run('never'))).toMatchObject({
        code: 'ERR_EVERPOOL_BROKEN',
        death: { cause: 'exit', phase: 'boot', exitCode: 1 },
      });
    },
  );

  test('stop hooks that throw what cannot be printed do not keep a worker from leaving, nor later hooks from running', LIMIT, async () => {
    const pool = newPool<{ never(): number }>({ module: fixture('hostile-hooks.js'), size: 1, workerData: 'at the stop', graceMs: 10_000 });
    expect(await pool.run('never')).toBe(0);
    await pool.close();
    expect(pool.stats().deaths).toBe(0);
  });
});
