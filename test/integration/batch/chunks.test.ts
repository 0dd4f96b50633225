/** Maps in chunks: faster, and each item still settles on its own. */
import { OptionsError, SerializationError, WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as ChunkTasks from '../../fixtures/chunk-tasks.js';
import { fixture, linesOf, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

const chunked = (options = {}) =>
  newPool<typeof ChunkTasks>({ module: fixture('chunk-tasks.js'), restart: { intensity: 1000 }, ...options });
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const numbers = (file: string): number[] =>
  linesOf(file)
    .map(Number)
    .sort((a, b) => a - b);

describe('chunks', () => {
  useKit();

  test('items that may be retried travel in chunks by default, with the results, order and counts of single items', async () => {
    const pool = chunked();
    expect(await pool.map('echo', upTo(20_000), { retries: 1 })).toEqual(upTo(20_000));
    expect((await pool.map('nothing', upTo(5000) as never, { retries: 1 })).every((value) => value === undefined)).toBe(true);
    const values: unknown[] = [];
    for await (const value of pool.map('echo', upTo(5000), { retries: 1, ordered: false })) values.push(value);
    expect(values.sort((a, b) => Number(a) - Number(b))).toEqual(upTo(5000));
    expect(pool.stats()).toMatchObject({ submitted: 30_000, succeeded: 30_000, failed: 0, queued: 0, running: 0 });
    expect(pool.stats().runMs.count).toBe(30_000);
  });

  test('an iterated map travels in full chunks too: free places are not filled one by one', async () => {
    const pool = chunked();
    await pool.map('echo', upTo(100), { retries: 1 });
    let attempts = 0;
    pool.on('taskStarted', () => {
      attempts += 1;
    });
    const values: unknown[] = [];
    for await (const value of pool.map('echo', upTo(3000).values(), { chunkSize: 100 })) values.push(value);
    expect(values).toEqual(upTo(3000));
    expect(attempts).toBe(30);
    const few: unknown[] = [];
    for await (const value of pool.map('echo', upTo(1000).values(), { chunkSize: 100, bufferSize: 10 })) few.push(value);
    expect(few).toEqual(upTo(1000));
  });

  test('lists of arguments travel in chunks too, and an item that is not a list fails alone', async () => {
    const pool = chunked();
    const lists = upTo(100).map((item) => (item === 50 ? 'none' : [item, 1]));
    const outcomes = await pool.starmap('add', lists as never, { chunkSize: 20 }).settled();
    for (const [index, outcome] of outcomes.entries()) {
      if (index === 50) expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(OptionsError) });
      else expect(outcome).toEqual({ status: 'fulfilled', value: index + 1 });
    }
  });

  test('workers killed again and again: every result is right', async () => {
    const pool = chunked();
    const file = `${newFolder()}/starts`;
    await pool.ready();
    // One kill for each few hundred starts, so that the map gets on however long a boot takes.
    let started = 0;
    const kills = setInterval(() => {
      const now = linesOf(file).length;
      const pid = pool.workers().find(({ state }) => state === 'busy')?.pid;
      if (pid === undefined || now < started + 300) return;
      started = now;
      process.kill(pid, 'SIGKILL');
    }, 20);
    const items = upTo(30_000).map((item) => ({ file, item, how: 'return' }));
    const results = await pool.map('mark', items as never, { retries: 60 });
    clearInterval(kills);
    expect(results).toEqual(upTo(30_000));
    expect(new Set(numbers(file)).size).toBe(30_000);
    expect(pool.stats().deaths).toBeGreaterThan(2);
  });

  for (const how of ['exit', 'SIGKILL', 'abort']) {
    test(`items whose ${how} kills the worker fail alone, each after its allowed starts; all others succeed`, async () => {
      const file = newFolder();
      // Side by side, too: the item behind one that kills has not started.
      const bad = [0, 500, 501, 1999];
      for (const retries of [0, 1, 2]) {
        const pool = chunked({ restart: { intensity: 1000 } });
        const starts = `${file}/starts-${retries}`;
        const items = upTo(2000).map((item) => (bad.includes(item) ? [item, how, starts] : [item]));
        // Without retries items travel in chunks only with chunkSize.
        const options = retries === 0 ? { chunkSize: 100 } : {};
        await pool.map('echo', upTo(300), { retries: 1 });
        const outcomes: (PromiseSettledResult<unknown> & { attempts: number; index: number })[] = [];
        for await (const outcome of pool.starmap('poison', items as never, { retries, ...options }).outcomes()) outcomes.push(outcome);
        for (const { index, attempts, ...outcome } of outcomes) {
          if (!bad.includes(index)) expect([index, outcome.status], `${index}`).toEqual([index, 'fulfilled']);
          else expect([index, outcome.status, attempts], `${index}`).toEqual([index, 'rejected', 1 + retries]);
          if (outcome.status === 'rejected') {
            expect(outcome.reason).toBeInstanceOf(WorkerDiedError);
            expect((outcome.reason as WorkerDiedError).attempts).toHaveLength(1 + retries);
          }
        }
        expect(numbers(starts)).toEqual(bad.flatMap((item) => Array(1 + retries).fill(item)));
        expect(pool.stats()).toMatchObject({ submitted: 2300, succeeded: 2296, failed: 4, queued: 0, running: 0, waiting: 0 });
        await pool.close();
      }
    });
  }

  test('workers killed again and again, with few retries: no item starts more often than it may, and each death fails one item at most', async () => {
    for (const retries of [0, 1]) {
      const pool = chunked({ restart: { intensity: 1000 } });
      const file = `${newFolder()}/starts`;
      await pool.ready();
      let started = 0;
      const kills = setInterval(() => {
        const now = linesOf(file).length;
        const pid = pool.workers().find(({ state }) => state === 'busy')?.pid;
        if (pid === undefined || now < started + 40) return;
        started = now;
        process.kill(pid, 'SIGKILL');
      }, 3);
      const items = upTo(400).map((item) => [item, file, 0.3]);
      const outcomes = await pool.starmap('witnessed', items as never, { retries, chunkSize: 50 }).settled();
      clearInterval(kills);
      const starts = new Map<number, number>();
      for (const item of numbers(file)) starts.set(item, (starts.get(item) ?? 0) + 1);
      let failed = 0;
      for (const [index, { status }] of outcomes.entries()) {
        if (status === 'rejected') failed += 1;
        // It may be killed after its start was recorded, and before it has written anything.
        const count = starts.get(index) ?? 0;
        if (status === 'fulfilled') expect(count).toBeGreaterThan(0);
        expect(count, `item ${index}`).toBeLessThanOrEqual(1 + retries);
      }
      expect(pool.stats().deaths).toBeGreaterThan(1);
      expect(failed).toBeLessThanOrEqual(pool.stats().deaths);
      await pool.close();
    }
  });

  test('arguments that cannot be decoded, or that no worker survives, fail alone', async () => {
    const pool = newPool({ execArgv: ['--import', fixture('breaks-decoding.js')], restart: { intensity: 1000 } });
    for (const [order, error] of [
      ['decode:throw', SerializationError],
      ['decode:fail', WorkerDiedError],
    ] as const) {
      for (const retries of [0, 1]) {
        const items = upTo(60).map((item) => new Map([[item === 17 || item === 41 ? order : 'item', item]]));
        const outcomes = await pool.map('echo', items, { chunkSize: 20, retries }).settled();
        for (const [index, outcome] of outcomes.entries()) {
          if (index === 17 || index === 41) expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(error) });
          else expect(outcome, `${order} ${index}`).toEqual({ status: 'fulfilled', value: new Map([['item', index]]) });
        }
      }
    }
  });

  test('without retries a death fails the running item and no other, and nothing starts twice', async () => {
    const pool = chunked();
    const file = `${newFolder()}/starts`;
    const items = upTo(60).map((item) => ({
      file,
      item,
      how: item % 20 === 7 ? 'exit' : item % 20 === 9 ? 'throw' : item % 20 === 11 ? 'later' : 'return',
    }));
    const outcomes = await pool.map('mark', items as never, { chunkSize: 20, onError: 'continue' }).settled();
    for (const [index, outcome] of outcomes.entries()) {
      if (index % 20 === 7) expect(outcome).toMatchObject({ reason: expect.any(WorkerDiedError) });
      else if (index % 20 === 9) expect(outcome).toMatchObject({ reason: expect.any(RangeError) });
      else expect(outcome).toEqual({ status: 'fulfilled', value: index });
    }
    expect(numbers(file)).toEqual(upTo(60));
    expect(pool.stats()).toMatchObject({ submitted: 60, succeeded: 54, failed: 6, deaths: 3 });
  });

  test('a result, an error or an argument that cannot be sent fails its item, with its index', async () => {
    const pool = chunked();
    const file = `${newFolder()}/starts`;
    const results = await pool
      .map('mark', upTo(12).map((item) => ({ file, item, how: item === 5 ? 'function' : 'return' })) as never, { chunkSize: 6 })
      .settled();
    expect(results.map(({ status }) => status === 'rejected')).toEqual(upTo(12).map((item) => item === 5));
    expect((results[5] as PromiseRejectedResult).reason).toBeInstanceOf(SerializationError);
    const sent = await pool
      .map(
        'echo',
        upTo(12).map((item) => (item === 4 ? () => item : item)),
        { chunkSize: 6 },
      )
      .settled();
    expect(sent.map(({ status }) => status === 'rejected')).toEqual(upTo(12).map((item) => item === 4));
    expect(pool.stats().deaths).toBe(0);
  });

  test('a batch killed in the middle of a chunk: ended items count, the rest never start', async () => {
    const pool = chunked({ size: 1, graceMs: 100 });
    const file = `${newFolder()}/starts`;
    const items = upTo(100).map((item) => ({ file, item, how: item === 30 ? 'spin' : 'return' }));
    const batch = pool.map('mark', items as never, { chunkSize: 50, bufferSize: 100 });
    const failed = rejection(batch);
    await until('it spins', () => linesOf(file).length === 31);
    await batch.kill('enough');
    expect(await failed).toMatchObject({ reason: 'enough' });
    expect(numbers(file)).toEqual(upTo(31));
    const { submitted, succeeded, failed: lost, cancelled } = pool.stats();
    expect([submitted, succeeded + lost + cancelled]).toEqual([100, 100]);
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  test('the last chunks are small, so that the workers finish together', async () => {
    const pool = chunked({ size: 2 });
    await until('both workers are ready', () => pool.workers().filter(({ state }) => state === 'idle').length === 2);
    await pool.map('sleep', Array(20).fill(1), { retries: 1 });
    const before = new Map(pool.workers().map(({ id, completed }) => [id, completed]));
    let chunks = 0;
    pool.on('taskStarted', () => {
      chunks += 1;
    });
    // Twelve items of 1 ms would be one chunk for one worker.
    await pool.map('sleep', Array(12).fill(20), { retries: 1 });
    expect(chunks).toBeGreaterThan(4);
    for (const { id, completed } of pool.workers()) expect(completed).toBeGreaterThan(before.get(id) as number);
  });
});
