import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  PoolBrokenError,
  PoolClosedError,
  type PoolOptions,
  SerializationError,
  TaskCancelledError,
  UnknownTaskError,
  WorkerDiedError,
} from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as MapTasks from '../../fixtures/map-tasks.js';
import { expectUsable, fixture, linesOf, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

const count = (length: number): number[] => Array.from({ length }, (_, index) => index);

function mapPool(options: PoolOptions = {}) {
  return newPool<typeof MapTasks>({ module: fixture('map-tasks.js'), ...options });
}

/** Counts how far it was pulled, and whether it was closed. */
function endless() {
  const seen = { pulled: 0, closed: 0 };
  function* items(): Generator<number> {
    try {
      for (;;) yield seen.pulled++;
    } finally {
      seen.closed += 1;
    }
  }
  return { seen, items: items() };
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

describe('K. map, order, chunks', () => {
  useKit();

  test('K01: every item is an argument, or with starmap a list of them', async () => {
    const pool = mapPool();
    expect(await pool.map('square', [5])).toEqual([25]);
    expect(await pool.map('add', [1, 2])).toEqual([1, 2]);
    expect(await pool.starmap('add', [[1, 2], [3]])).toEqual([3, 3]);
    expect(await rejection(pool.starmap('add', [5] as never))).toMatchObject({ code: 'ERR_EVERPOOL_OPTIONS' });
  });

  test.each([[1], [3], [20], ['auto']] as const)('K02: a hundred items come in the order of the input, chunkSize %s', async (chunkSize) => {
    const pool = mapPool();
    expect(await pool.map('square', count(100), { chunkSize })).toEqual(count(100).map((value) => value * value));
    const pairs = count(20).map((index): [number, number] => [index, 20]);
    expect(await pool.starmap('late', pairs, { chunkSize })).toEqual(count(20));
  });

  test('K02: inputs of every kind are the same', async () => {
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

  test('K03: no items give [] at once, also while no worker is ready', async () => {
    const pool = mapPool();
    expect(await pool.map('square', [], { chunkSize: 1 })).toEqual([]);
    expect(await pool.map('square', [].values()).settled()).toEqual([]);
    expect(await collect(pool.map('square', new Set<number>()))).toEqual([]);
    expect(pool.workers().some((worker) => worker.state === 'idle')).toBe(false);
  });

  test.each([6, 50, 40])('K04: chunkSize %i of forty items changes nothing', async (chunkSize) => {
    const pool = mapPool();
    expect(await pool.map('square', count(40), { chunkSize })).toEqual(count(40).map((value) => value * value));
  });

  test.each([-1, 0, 1.5, Number.NaN, '3'])('K04, K05: chunkSize %s is refused at once', (chunkSize) => {
    const pool = mapPool();
    const { items, seen } = endless();
    expect(() => pool.map('square', items, { chunkSize: chunkSize as never })).toThrow(/chunkSize: expected an integer >= 1/);
    expect(() => pool.map('square', items, { bufferSize: chunkSize as never })).toThrow(/bufferSize/);
    expect(seen.pulled).toBe(0);
  });

  test('K07: one bad item gives its error, and the iteration goes on', async () => {
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

  test('K07: by default one bad item stops the rest, and an item that was not started never is', async () => {
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

  test('K11: a pool that breaks during a map rejects it, closes the input, and cancel works', async () => {
    const options = {
      module: 'data:text/javascript,process.exit(3)',
      stderr: 'ignore',
      restart: { intensity: 1, backoff: { initialMs: 1 } },
    } as const;
    const pool = mapPool(options);
    const { items, seen } = endless();
    const settledInput = endless();
    const batch = pool.map('square', items);
    const settled = pool.map('square', settledInput.items, { bufferSize: 3 }).settled();
    expect(await rejection(batch)).toBeInstanceOf(PoolBrokenError);
    expect(seen.closed).toBe(1);
    await batch.cancel();
    const reasons = (await settled).map((outcome) => (outcome as PromiseRejectedResult).reason);
    expect(reasons).toHaveLength(4);
    for (const reason of reasons) expect(reason).toBeInstanceOf(PoolBrokenError);
    expect(settledInput.seen.closed).toBe(1);
    expect(await rejection(pool.map('square', [1]))).toBeInstanceOf(PoolBrokenError);
  });

  test('K13: an error harms only its own item: all others run, chunkSize or not', async () => {
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

  test('K15: five tasks on two workers run in two processes', async () => {
    const pool = mapPool();
    await pool.ready();
    expect(new Set(await pool.map('pidAfter', Array(5).fill(30))).size).toBe(2);
  });

  test('a name that the module does not export rejects, and empty input does not', async () => {
    const pool = mapPool();
    expect(await rejection(pool.map('nothing' as never, [1]))).toBeInstanceOf(UnknownTaskError);
    expect(await pool.map('nothing' as never, [])).toEqual([]);
  });

  test('B17: ten items that cannot be sent reject, and nothing hangs', async () => {
    const pool = newPool();
    const batch = pool.map(
      'echo',
      count(10).map(() => () => 1),
    );
    expect(await rejection(batch)).toBeInstanceOf(SerializationError);
    await expectUsable(pool);
  });

  test('B29: an error of the input arrives as it is, and harms nothing else', async () => {
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

  test('queueLimit: a map waits for room where run would be refused', async () => {
    const pool = mapPool({ size: 1, queueLimit: 2, pipelining: false });
    expect(await pool.map('square', count(50), { bufferSize: 30 })).toEqual(count(50).map((value) => value * value));
  });

  test('a pool that closes finishes a map that it has taken whole, and refuses the rest of another', async () => {
    const pool = mapPool();
    const whole = pool.map('square', count(8)).then((values) => values);
    const { items, seen } = endless();
    const rest = rejection(pool.map('square', items));
    await pool.close();
    expect(await whole).toEqual(count(8).map((value) => value * value));
    expect(await rest).toBeInstanceOf(PoolClosedError);
    expect(seen.closed).toBe(1);
  });

  test('terminate ends a map: it rejects, and its input is closed', async () => {
    const pool = mapPool({ graceMs: 50 });
    const { items, seen } = endless();
    const batch = pool.starmap(
      'sleep',
      map(items, () => [10_000]),
    );
    const error = rejection(batch);
    await until('one runs', () => batch.progress.running === 2);
    await pool.terminate();
    expect(await error).toBeInstanceOf(TaskCancelledError);
    await until('the input is closed', () => seen.closed === 1);

    function* map<A, B>(values: Iterable<A>, to: (value: A) => B): Generator<B> {
      for (const value of values) yield to(value);
    }
  });
});

describe('K, G5: ending one batch changes nothing for another', () => {
  useKit();

  test.each(['cancel', 'kill'] as const)('%s of one of two batches: the other ends well, each item started once', async (how) => {
    const pool = mapPool({ graceMs: 50 });
    const folder = newFolder();
    const kept = pool.map(
      'mark',
      count(40).map((item) => ({ file: `${folder}/kept`, item, ms: 5 })),
      { bufferSize: 40 },
    );
    const all = kept.then((values) => values);
    const doomed = pool.map(
      'mark',
      count(40).map((item) => ({ file: `${folder}/doomed`, item, how: 'spin' })),
      { bufferSize: 40 },
    );
    const error = rejection(doomed);
    await until('one of the doomed runs', () => linesOf(`${folder}/doomed`).length > 0);
    await doomed[how]('enough');
    const started = linesOf(`${folder}/doomed`).length;
    expect(started).toBeLessThanOrEqual(2);
    expect(await error).toMatchObject({ name: 'TaskCancelledError', reason: 'enough', forced: true });
    expect(await all).toEqual(count(40));
    expect(
      linesOf(`${folder}/kept`)
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(count(40));
    expect(linesOf(`${folder}/doomed`)).toHaveLength(started);
  });

  test('G6: a batch that is cancelled in the tick that made it never starts', async () => {
    const pool = mapPool();
    await pool.ready();
    const file = `${newFolder()}/marks`;
    const batch = pool.map(
      'mark',
      count(20).map((item) => ({ file, item })),
      { bufferSize: 20 },
    );
    const settled = batch.settled();
    await batch.cancel();
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
    expect(await pool.map('square', [3])).toEqual([9]);
    expect(linesOf(file)).toEqual([]);
  });

  test('a signal cancels a batch, which rejects with its reason; workers that heed it live on', async () => {
    const pool = mapPool();
    await pool.ready();
    const pids = pool.workers().map(({ pid }) => pid);
    const stop = new AbortController();
    const file = `${newFolder()}/marks`;
    const batch = pool.map(
      'mark',
      count(20).map((item) => ({ file, item, how: 'until-aborted' })),
      { signal: stop.signal },
    );
    const error = rejection(batch);
    await until('two run', () => linesOf(file).length === 2);
    const reason = new Error('stop');
    stop.abort(reason);
    expect(await error).toBe(reason);
    await pool.idle();
    expect(linesOf(file)).toHaveLength(2);
    expect(pool.workers().map(({ pid }) => pid)).toEqual(pids);
  });

  test('C05: with a timeout each slow item rejects, and the outcomes go on to the end', async () => {
    const pool = mapPool();
    const outcomes = await collect(pool.map('sleep', [1, 10_000, 2, 10_000, 3], { timeoutMs: 150 }).outcomes());
    expect(outcomes.map(({ index, status }) => `${index} ${status}`)).toEqual([
      '0 fulfilled',
      '1 rejected',
      '2 fulfilled',
      '3 rejected',
      '4 fulfilled',
    ]);
  });

  test('D04: one of five is taken, then the map is cancelled: the other four reject as cancelled', async () => {
    const pool = mapPool({ graceMs: 20 });
    const batch = pool.map('sleep', [1, 10_000, 10_000, 10_000, 10_000]);
    const outcomes = batch.outcomes()[Symbol.asyncIterator]();
    expect((await outcomes.next()).value).toMatchObject({ index: 0, status: 'fulfilled' });
    await batch.cancel();
    for (let index = 1; index < 5; index += 1) {
      const { value } = await outcomes.next();
      expect(value).toMatchObject({ index, status: 'rejected' });
      expect(value.reason).toBeInstanceOf(TaskCancelledError);
    }
    expect((await outcomes.next()).done).toBe(true);
  });
});

describe('L. lazy iteration', () => {
  useKit();

  test('L01: an iteration is in order, step by step and to its end', async () => {
    const pool = mapPool();
    expect(await collect(pool.map('square', count(10)))).toEqual(count(10).map((value) => value * value));
    const iterator = pool.map('square', count(20))[Symbol.asyncIterator]();
    for (let index = 0; index < 20; index += 1) expect(await iterator.next()).toEqual({ done: false, value: index * index });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(await collect(pool.map('square', count(1000), { chunkSize: 100 }))).toEqual(count(1000).map((value) => value * value));
  });

  test('L02: an unordered iteration gives the same set, as they come', async () => {
    const pool = mapPool();
    for (const length of [10, 1000]) {
      const values = await collect(pool.map('square', count(length), { ordered: false, chunkSize: 100 }));
      expect(values.sort((a, b) => a - b)).toEqual(count(length).map((value) => value * value));
    }
    await pool.ready();
    expect(await collect(pool.map('sleep', [500, 1], { ordered: false }))).toEqual([1, 500]);
  });

  test.each([1, 2, 7])('L05: at most %i inputs are pulled ahead of the results taken', async (bufferSize) => {
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

  test('L05: by default four times the size, and nothing more while nobody takes', async () => {
    const pool = mapPool();
    const { items, seen } = endless();
    const batch = pool.map('square', items);
    await until('all that was pulled is done', () => batch.progress.done === 8);
    await pool.idle();
    expect(seen.pulled).toBe(8);
    await batch.cancel();
    expect(seen.closed).toBe(1);
  });

  test('G12: an endless input in constant memory', async () => {
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

  test('leaving an iteration cancels what runs and waits until it is gone', async () => {
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

  test('L07: an iterator outlives every variable of its pool, and a forgotten batch keeps nothing alive', async () => {
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

  test('L07: an iterator of a pool that was closed gives what it has, then fails', async () => {
    const pool = mapPool();
    const { items, seen } = endless();
    const iterator = pool.map('square', items)[Symbol.asyncIterator]();
    await pool.close();
    for (let index = 0; index < 8; index += 1) expect(await iterator.next()).toEqual({ done: false, value: index * index });
    expect(await rejection(iterator.next())).toBeInstanceOf(PoolClosedError);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(seen.closed).toBe(1);
  });
});
