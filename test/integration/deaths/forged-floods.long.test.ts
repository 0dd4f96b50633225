/**
 * Workers that send more than anybody asked for, or announce it: the parent spends no memory on it
 * (G9, G12).
 */
import { describe, expect, test } from 'vitest';
import { FrameType } from '../../../src/ipc/frame.js';
import { deathsOf, lying } from '../../kit/forgers.js';
import { expectUsable, until, useKit } from '../../kit/pools.js';

describe('a worker that floods its channel', () => {
  useKit();

  test('with values of a stream beyond the window dies of it, and costs the parent no memory', async () => {
    const pool = lying({ size: 1 });
    const deaths = deathsOf(pool as never);
    const before = process.memoryUsage();
    const stream = pool.stream('flood' as never, [{ type: FrameType.Value, codec: 1, body: JSON.stringify('x'.repeat(60_000)) }] as never);
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    await until('its worker dies', () => deaths.length > 0);
    expect(deaths[0]).toMatchObject({ cause: 'protocol' });
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(100e6);
    await reader.return?.();
    await expectUsable(pool as never, 1);
  });

  test('with progress does not fill the parent', async () => {
    const pool = lying({ size: 1 });
    let heard = 0;
    const before = process.memoryUsage();
    const task = pool.run('flood', [{ type: FrameType.Progress, codec: 1, body: JSON.stringify('x'.repeat(10_000)) }], {
      onProgress: () => {
        heard += 1;
      },
    });
    task.catch(() => undefined);
    await until('much has come', () => heard > 20_000);
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(150e6);
    await task.kill();
    await expectUsable(pool as never, 1);
  });

  test('with announced bodies of two gibibytes gets no memory for them', async () => {
    const pool = lying({ size: 4 });
    const before = process.memoryUsage();
    const body = Buffer.alloc(200_000);
    const tasks = Array.from({ length: 4 }, () =>
      pool.run('forge', [[{ type: FrameType.Result, length: 2 ** 31 - 1, body }], 'wait'], { timeoutMs: 500 }),
    );
    await Promise.race(tasks).catch(() => undefined);
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(100e6);
    await Promise.allSettled(tasks);
    await expectUsable(pool as never, 4);
  });
});
