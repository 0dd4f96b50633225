/** Limits on memory, and deaths by lack of it. */
import { OutOfMemoryError, type PoolOptions } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Leaks from '../../fixtures/leaks.js';
import { fixture, newGate, newPool, next, rejection, until, useKit } from '../../kit/pools.js';

const leaking = (options: PoolOptions) => newPool<typeof Leaks>({ module: fixture('leaks.js'), ...options });

describe('memory', () => {
  useKit();

  test('a worker that grows past limits.rssBytes is killed and replaced; the death has the samples', async () => {
    const limit = 300e6;
    const pool = leaking({ limits: { rssBytes: limit } });
    const gate = newGate();
    const bystander = pool.run('untilFile', [gate.file, 'done']);
    await bystander.started;
    const died = next(pool, 'workerDied');
    const error = await rejection(pool.run('swell'));
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_OUT_OF_MEMORY', death: { cause: 'memory', phase: 'task', requested: false } });
    expect(error.message).toContain('limits.rssBytes');
    const { death } = await died;
    const samples = death.samples ?? [];
    expect(samples.length).toBeGreaterThan(1);
    expect(samples.at(-1)?.rssBytes).toBeGreaterThan(limit);
    expect(samples.at(-1)?.rssBytes).toBeLessThan(limit + 512e6);
    expect(samples.slice(0, -1).every(({ rssBytes }) => rssBytes <= limit)).toBe(true);
    expect([...samples].sort((a, b) => a.uptimeMs - b.uptimeMs)).toEqual(samples);
    gate.open();
    expect(await bystander).toBe('done');
    expect(bystander.attempts).toHaveLength(1);
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  test('an idle worker over the limit is killed too, and no task is blamed', async () => {
    const pool = leaking({ size: 1, limits: { rssBytes: 200e6 }, restart: { intensity: 5 } });
    const died = next(pool, 'workerDied');
    await pool.run('leak', [250]).catch(() => undefined);
    const { death } = await died;
    expect(death).toMatchObject({ cause: 'memory', requested: false });
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  test("V8's abort for lack of heap is out of memory, not an unknown signal", async () => {
    const pool = leaking({ limits: { heapMb: 40 } });
    const error = await rejection(pool.run('fillHeap'));
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error).toMatchObject({ death: { cause: 'memory', phase: 'task' } });
    expect(error.message).toContain('limits.heapMb');
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  test("the message of a SIGKILL from outside names the kernel's out-of-memory killer", async () => {
    const pool = leaking({});
    const task = pool.run('sleep', [60_000]);
    process.kill((await task.started).pid, 'SIGKILL');
    expect((await rejection(task)).message).toMatch(/possibly the kernel's out-of-memory killer/);
  });

  test('workers() reports the memory of each worker', async () => {
    const pool = leaking({ size: 1 });
    const before = pool.workers()[0]?.rssBytes ?? 0;
    await pool.ready();
    await pool.run('leak', [100]);
    await until('it is seen', () => (pool.workers()[0]?.rssBytes ?? 0) > before + 90e6);
  });
});
