/** map and starmap: inputs, order, chunks, and the errors of single items. */
import { SerializationError, UnknownTaskError, WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { collect, count, endless, mapPool } from '../../kit/maps.js';
import { expectUsable, linesOf, newFolder, newPool, rejection, useKit } from '../../kit/pools.js';

describe('map', () => {
  useKit();

  test('passes every item as the argument, and starmap as a list of arguments', async () => {
    const pool = mapPool();
    expect(await pool.map('square', [5])).toEqual([25]);
    expect(await pool.map('add', [1, 2])).toEqual([1, 2]);
    expect(await pool.starmap('add', [[1, 2], [3]])).toEqual([3, 3]);
    expect(await rejection(pool.starmap('add', [5] as never))).toMatchObject({ code: 'ERR_EVERPOOL_OPTIONS' });
  });

  test.each([[1], [3], [20], ['auto']] as const)(
    'gives a hundred results in the order of the input with chunkSize %s',
    async (chunkSize) => {
      const pool = mapPool();
      expect(await pool.map('square', count(100), { chunkSize })).toEqual(count(100).map((value) => value * value));
      const pairs = count(20).map((index): [number, number] => [index, 20]);
      expect(await pool.starmap('late', pairs, { chunkSize })).toEqual(count(20));
    },
  );

  test('takes inputs of every kind', async () => {
    const pool = mapPool();
    async function* later(): AsyncGenerator<number> {
      for (const value of [1, 2, 3]) {
        await new Promise((resolve) => setImmediate(resolve));
        yield value;
      }
    }
    for (const items of [[1, 2, 3], new Set([1, 2, 3]), [1, 2, 3].values(), later(), new ReadableStream({ start: fill })]) {
      expect(await pool.map('square', items as Iterable<number>)).toEqual([1, 4, 9]);
    }
    expect(await pool.map('badIs', 'abc')).toEqual(['a', 'b', 'c']);

    function fill(controller: ReadableStreamDefaultController): void {
      for (const value of [1, 2, 3]) controller.enqueue(value);
      controller.close();
    }
  });

  test('of no items gives [] immediately, also while no worker is ready', async () => {
    const pool = mapPool();
    expect(await pool.map('square', [], { chunkSize: 1 })).toEqual([]);
    expect(await pool.map('square', [].values()).settled()).toEqual([]);
    expect(await collect(pool.map('square', new Set<number>()))).toEqual([]);
    expect(pool.workers().some((worker) => worker.state === 'idle')).toBe(false);
  });

  test.each([6, 50, 40])('of forty items gives the same results with chunkSize %i', async (chunkSize) => {
    const pool = mapPool();
    expect(await pool.map('square', count(40), { chunkSize })).toEqual(count(40).map((value) => value * value));
  });

  test.each([-1, 0, 1.5, Number.NaN, '3'])('refuses chunkSize %s immediately', (chunkSize) => {
    const pool = mapPool();
    const { items, seen } = endless();
    expect(() => pool.map('square', items, { chunkSize: chunkSize as never })).toThrow(/chunkSize: expected an integer >= 1/);
    expect(() => pool.map('square', items, { bufferSize: chunkSize as never })).toThrow(/bufferSize/);
    expect(seen.pulled).toBe(0);
  });

  test('rejects one bad item, and the iteration goes on', async () => {
    const pool = mapPool();
    const outcomes = await collect(pool.map('badIs', ['a', 'bad', 'c']).outcomes());
    expect(outcomes).toMatchObject([
      { index: 0, status: 'fulfilled', value: 'a' },
      { index: 1, status: 'rejected', reason: { name: 'RangeError', message: 'a bad item' } },
      { index: 2, status: 'fulfilled', value: 'c' },
    ]);
    expect(await collect(pool.map('badIs', ['a', 'bad', 'c'], { onError: 'continue' }))).toEqual(['a', 'c']);
    const error = await rejection(pool.map('badIs', ['a', 'bad', 'c', 'bad'], { onError: 'continue' }));
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.message).toMatch(/^2 of 4 items/);
    expect((outcomes[1] as PromiseRejectedResult).reason.stack).toContain('map.test.ts');
  });

  test('by default stops at one bad item, and items that had not started never start', async () => {
    const pool = mapPool({ size: 1 });
    const file = `${newFolder()}/marks`;
    const items = count(40).map((item) => ({ file, item, how: item === 3 ? 'throw' : 'return' }));
    expect(await rejection(pool.map('mark', items, { bufferSize: 20 }))).toMatchObject({ name: 'RangeError', message: 'item 3' });
    await pool.idle();
    const marks = linesOf(file).map(Number);
    expect(marks.slice(0, 4)).toEqual([0, 1, 2, 3]);
    expect(marks.length).toBeLessThan(40);
    expect(await pool.map('square', [2])).toEqual([4]);
  });

  test('fails only the item that threw or died, chunkSize or not', async () => {
    const pool = mapPool({ size: 1 });
    const file = `${newFolder()}/marks`;
    const items = count(12).map((item) => ({ file, item, how: item === 2 ? 'throw' : item === 7 ? 'exit' : 'return' }));
    const outcomes = await pool.map('mark', items, { chunkSize: 4, onError: 'continue' }).settled();
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect((outcomes[2] as PromiseRejectedResult).reason).toBeInstanceOf(RangeError);
    expect((outcomes[7] as PromiseRejectedResult).reason).toBeInstanceOf(WorkerDiedError);
    // G2: the death has started nothing twice.
    expect(
      linesOf(file)
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(count(12));
  });

  test('of five items on two workers runs in two processes', async () => {
    const pool = mapPool();
    await pool.ready();
    expect(new Set(await pool.map('pidAfter', Array(5).fill(30))).size).toBe(2);
  });

  test('rejects a name that the module does not export, unless there are no items', async () => {
    const pool = mapPool();
    expect(await rejection(pool.map('nothing' as never, [1]))).toBeInstanceOf(UnknownTaskError);
    expect(await pool.map('nothing' as never, [])).toEqual([]);
  });

  test('of ten items that cannot be sent rejects, and nothing hangs', async () => {
    const pool = newPool();
    const batch = pool.map(
      'echo',
      count(10).map(() => () => 1),
    );
    expect(await rejection(batch)).toBeInstanceOf(SerializationError);
    await expectUsable(pool);
  });

  test('rejects with an error of the input as it is, and harms nothing else', async () => {
    const pool = mapPool();
    const other = pool.map('late', count(10));
    const error = new Error('from the input');
    function* items(): Generator<number> {
      yield 1;
      throw error;
    }
    expect(await rejection(pool.map('sleep', items()))).toBe(error);
    expect('cause' in error).toBe(false);
    expect(await other).toEqual(count(10));
  });

  test('waits for room in the queue where run() would be refused', async () => {
    const pool = mapPool({ size: 1, queueLimit: 2, pipelining: false });
    expect(await pool.map('square', count(50), { bufferSize: 30 })).toEqual(count(50).map((value) => value * value));
  });
});
