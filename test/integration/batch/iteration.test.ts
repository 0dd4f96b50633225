/** Iterating over a map: lazily, in bounded memory, and left at any time (G12). */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { collect, count, endless, mapPool } from '../../kit/maps.js';
import { fixture, linesOf, newFolder, until, useKit } from '../../kit/pools.js';

describe('the iteration of a map', () => {
  useKit();

  test('is in order, step by step and to its end', async () => {
    const pool = mapPool();
    expect(await collect(pool.map('square', count(10)))).toEqual(count(10).map((value) => value * value));
    const iterator = pool.map('square', count(20))[Symbol.asyncIterator]();
    for (let index = 0; index < 20; index += 1) expect(await iterator.next()).toEqual({ done: false, value: index * index });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(await collect(pool.map('square', count(1000), { chunkSize: 100 }))).toEqual(count(1000).map((value) => value * value));
  });

  test('unordered gives the same results as they arrive', async () => {
    const pool = mapPool();
    for (const length of [10, 1000]) {
      const values = await collect(pool.map('square', count(length), { ordered: false, chunkSize: 100 }));
      expect(values.sort((a, b) => a - b)).toEqual(count(length).map((value) => value * value));
    }
    await pool.ready();
    expect(await collect(pool.map('sleep', [500, 1], { ordered: false }))).toEqual([1, 500]);
  });

  test.each([1, 2, 7])('reads at most %i inputs ahead of the results taken', async (bufferSize) => {
    const pool = mapPool();
    const { items, seen } = endless();
    const batch = pool.map('square', items, { bufferSize });
    await until('the buffer is full', () => seen.pulled === bufferSize);
    let taken = 0;
    for await (const value of batch) {
      expect(value).toBe(taken * taken);
      taken += 1;
      expect(seen.pulled - taken).toBeLessThanOrEqual(bufferSize);
      if (taken === 50) break;
    }
    expect(seen.closed).toBe(1);
    await pool.idle();
    expect(seen.pulled).toBeLessThanOrEqual(50 + bufferSize);
  });

  test('reads four times the size ahead by default, and no more while nobody takes results', async () => {
    const pool = mapPool();
    const { items, seen } = endless();
    const batch = pool.map('square', items);
    await until('all that was pulled is done', () => batch.progress.done === 8);
    await pool.idle();
    expect(seen.pulled).toBe(8);
    await batch.cancel();
    expect(seen.closed).toBe(1);
  });

  test('of an endless input takes constant memory (G12)', async () => {
    const pool = mapPool();
    function* big(): Generator<{ file: string; item: number; text: string }> {
      for (let item = 0; ; item += 1) yield { file: '/dev/null', item, text: `${item}`.padEnd(100_000, 'x') };
    }
    let taken = 0;
    let peak = 0;
    for await (const item of pool.map('mark', big(), { ordered: false })) {
      taken += 1;
      if (typeof item !== 'number') throw new Error('no number');
      if (taken % 100 === 0) peak = Math.max(peak, process.memoryUsage().heapUsed);
      if (taken === 4000) break;
    }
    expect(peak).toBeLessThan(250 << 20); // the arguments were 400 MB
  });

  test('left early cancels what runs, and waits until it has ended', async () => {
    const pool = mapPool({ graceMs: 100 });
    const file = `${newFolder()}/marks`;
    const items = count(20).map((item) => ({ file, item, how: item === 0 ? 'return' : 'spin' }));
    for await (const item of pool.map('mark', items)) {
      expect(item).toBe(0);
      await until('another runs', () => linesOf(file).length > 1);
      break;
    }
    expect(pool.stats()).toMatchObject({ running: 0, queued: 0 });
    const started = linesOf(file).length;
    expect(await pool.map('square', [2])).toEqual([4]);
    expect(linesOf(file)).toHaveLength(started);
  });

  test('outlives every variable of its pool, and a forgotten batch keeps nothing alive', async () => {
    const program = spawn(process.execPath, ['--expose-gc', fileURLToPath(fixture('program-maps-and-forgets.js'))]);
    let output = '';
    program.stdout.on('data', (chunk) => {
      output += chunk;
    });
    program.stderr.on('data', (chunk) => {
      output += chunk;
    });
    const code = await new Promise((resolve) => program.on('close', resolve));
    expect(output).toBe('sum 40425\n');
    expect(code).toBe(0);
  });
});
