/** The queue: which task runs next, how many may wait, and when it is empty. */

import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, linesOf, newFolder, newGate, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('the queue', () => {
  useKit();

  test('runs higher priorities first, then the order of submission (G14)', async () => {
    const pool = newPool({ size: 1, pipelining: false });
    const file = `${newFolder()}/marks`;
    pool.pause();
    const tasks = [0, 5, 0, 5, 9].map((priority, index) => pool.run('mark', [file, `${priority}-${index}`], { priority }));
    pool.resume();
    await Promise.all(tasks);
    expect(linesOf(file)).toEqual(['9-4', '5-1', '5-3', '0-0', '0-2']);
  });

  test('gives tasks sent ahead behind one that turns out long to another worker (G11)', async () => {
    const pool = newPool({ module: fixture('sometimes-long.js') });
    for (let index = 0; index < 100; index += 1) await pool.run('work' as never, [0] as never);
    const hostages = [pool.run('work' as never, [60_000] as never)];
    for (let index = 0; index < 100; index += 1) hostages.push(pool.run('work' as never, [0] as never));
    expect(await Promise.all(hostages.slice(1))).toHaveLength(100);
    await hostages[0]?.kill();
    await rejection(hostages[0] as Promise<unknown>);
  });

  test('refuses a task past queueLimit, and room() resolves when there is room', async () => {
    const pool = newPool({ size: 1, queueLimit: 2 });
    await pool.ready();
    const gate = newGate();
    const first = pool.run('untilFile', [gate.file]);
    const two = [pool.run('noop'), pool.run('noop')];
    await first.started;
    expect(await rejection(pool.run('noop'))).toMatchObject({ code: 'ERR_EVERPOOL_QUEUE_FULL' });
    gate.open();
    await pool.room();
    await Promise.all([first, ...two, pool.run('noop')]);
  });

  test('works with retries, progress, exec, tags and idle() together', async () => {
    const pool = newPool();
    expect(await pool.run('failUntil', [3], { retries: { error: 2 } })).toBe(3);
    expect(await pool.run('failUntil', [3, 'exit'], { retries: 2 })).toBe(3);
    const seen: unknown[] = [];
    await pool.run('progress', [[1, { two: 2 }]], { onProgress: (value) => seen.push(value) });
    expect(seen).toEqual([1, { two: 2 }]);
    expect(await pool.exec((a: number, b: number) => a * b, [6, 7])).toBe(42);
    const tagged = pool.run('never', [], { tag: 'doomed' });
    const gate = newGate();
    const other = pool.run('untilFile', [gate.file, 'other']);
    await Promise.all([tagged.started, other.started]);
    expect(await pool.killTasks({ tag: 'doomed' })).toBe(1);
    await rejection(tagged);
    gate.open();
    expect(await other).toBe('other');
    await pool.idle();
    await until('nothing runs', () => pool.stats().running === 0);
  });

  test('settles idle() when its tasks have settled, and goes on', async () => {
    const pool = newPool();
    const task = pool.run('sleep', [100]);
    await pool.idle();
    expect(task.state).toBe('succeeded');
    expect(pool.state).toBe('open');
    await expectUsable(pool);
  });
});
