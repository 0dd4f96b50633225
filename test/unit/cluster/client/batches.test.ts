import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { OptionsError } from '../../../../src/shared/errors.js';
import { type AnyCluster, seen, TestWorld } from './kit.js';

/** Answers every task that is in the store with ten times its argument. */
async function serveAll(world: TestWorld): Promise<number> {
  let served = 0;
  for (let rounds = 0; rounds < 5; rounds += 1) {
    for (let job = world.queue.take('token', 1e9); job !== undefined; job = world.queue.take('token', 1e9)) {
      const [item] = world.argsOf(job) as number[];
      world.finish(job, 'value', (item as number) * 10);
      served += 1;
    }
    await world.run(3000);
  }
  return served;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const tens = (count: number): number[] => numbers(count).map((each) => each * 10);
const map = (cluster: AnyCluster, items: Iterable<number>, options?: object): ReturnType<AnyCluster['map']> =>
  cluster.map('ten', items, options);

describe('a batch of a cluster', () => {
  it('gives the results in order, and leaves nothing in the store', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const batch = map(cluster, numbers(250));
    expect(batch.id).toMatch(/^b-/);
    const results = seen(Promise.resolve(batch));
    await world.run(10);
    await serveAll(world);
    expect(results.value).toEqual(tens(250));
    expect(world.queue.jobs.size).toBe(0);
  });

  it('is at most bufferSize ahead of the reader', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const iterator = map(cluster, numbers(1000), { bufferSize: 20 })[Symbol.asyncIterator]();
    await world.run(10);
    expect(world.queue.most).toBe(20);
    await serveAll(world);
    expect(world.queue.ledger.stored.size).toBe(20);
    expect(await iterator.next()).toMatchObject({ value: 0 });
    await iterator.return?.();
  });

  it('reads no more than 16 MiB of arguments ahead', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    void map(cluster, numbers(100).map(() => 'x'.repeat(4_000_000)) as never, { bufferSize: 100 });
    await world.run(100);
    expect(world.queue.jobs.size).toBeLessThanOrEqual(5);
  });

  it('refuses the options that a cluster does not have', () => {
    const { cluster } = new TestWorld().client();
    expect(() => map(cluster, [], { journal: 'file' })).toThrow(/journal.*id/);
    expect(() => map(cluster, [], { chunkSize: 3 })).toThrow(OptionsError);
    expect(() => map(cluster, [], { id: 'a b' })).toThrow(OptionsError);
    expect(() => map(cluster, [], { priority: 1.5 })).toThrow(OptionsError);
    expect(() => cluster.attach('')).toThrow(OptionsError);
  });

  it('ends with its tasks', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const batch = map(cluster, numbers(10));
    const results = seen(batch.settled());
    await world.run(10);
    const cancelled = seen(batch.cancel('enough'));
    await world.run(100);
    expect(cancelled.isSettled).toBe(true);
    expect(world.queue.jobs.size).toBe(0);
    expect((results.value as PromiseSettledResult<unknown>[]).every(({ status }) => status === 'rejected')).toBe(true);
  });
});

describe('a batch with an id', () => {
  it('keeps its items, and the same call again runs nothing twice', async () => {
    const world = new TestWorld();
    const first = world.client();
    void map(first.cluster, numbers(30), { id: 'nightly' });
    await world.run(10);
    first.store.die();
    expect(await serveAll(world)).toBe(30);
    const again = seen(Promise.resolve(map(world.client().cluster, numbers(40), { id: 'nightly' })));
    await world.run(10);
    expect(await serveAll(world)).toBe(10);
    expect(again.value).toEqual(tens(40));
    expect(world.queue.jobs.size).toBe(40);
  });

  it('its mark is written before its items are added', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    store.onCall = (method) => (method === 'updateBatch' ? new Error('it does not arrive') : undefined);
    void map(cluster, numbers(30), { id: 'nightly' });
    await world.run(5000);
    expect(world.queue.jobs.size).toBe(0);
  });

  it('rejects if an item is there with other arguments, or the batch is one of another task', async () => {
    const world = new TestWorld();
    const first = world.client();
    void map(first.cluster, [1, 2, 3], { id: 'nightly' });
    await world.run(10);
    first.store.die();
    const { cluster } = world.client();
    const other = seen(Promise.resolve(map(cluster, [1, 7, 3], { id: 'nightly' })));
    const named = seen(Promise.resolve(world.client().cluster.map('another', [1], { id: 'nightly' })));
    await world.run(5000);
    expect(other.error).toMatchObject({ code: 'ERR_EVERPOOL_BATCH' });
    expect(named.error).toMatchObject({ code: 'ERR_EVERPOOL_BATCH', message: expect.stringContaining("'ten'") });
  });

  it('two clients that submit it at the same time with other items get no results of each other', async () => {
    const world = new TestWorld();
    const [one, two] = [world.client().cluster, world.client().cluster];
    const results = [seen(map(one, [1, 2, 3], { id: 'nightly' }).settled()), seen(map(two, [4, 2, 5], { id: 'nightly' }).settled())];
    await world.run(10);
    expect(await serveAll(world)).toBe(3);
    const [first, second] = results.map(({ value }) => value as PromiseSettledResult<number>[]);
    expect(first?.map((each) => each.status === 'fulfilled' && each.value)).toEqual([10, 20, 30]);
    expect(second?.map((each) => each.status === 'fulfilled' && each.value)).toEqual([false, 20, false]);
    expect(second?.[2]).toMatchObject({
      reason: {
        code: 'ERR_EVERPOOL_BATCH',
        message: 'batch nightly: item 2 is in the store with other arguments, or for another task: use another id, or forget() it',
      },
    });
    expect(world.queue.jobs.size).toBe(3);
    expect(world.clock.holds).toBe(0);
  });

  it('what another client has added at the same time is not removed by a client that has given it up', async () => {
    const world = new TestWorld();
    const [one, two] = [world.client(), world.client()];
    const given = seen(map(two.cluster, [4], { id: 'nightly', queueTimeoutMs: 1000 }).settled());
    two.store.onCall = (method) => (method === 'add' ? new Error('it does not arrive') : undefined);
    void map(one.cluster, [1], { id: 'nightly' });
    await world.run(2000);
    two.store.onCall = () => undefined;
    expect(given.isSettled).toBe(true);
    await world.run(2000);
    expect(world.argsOf(world.take())).toEqual([1]);
  });

  it('attach gives all of it if it was repeated with more items', async () => {
    const world = new TestWorld();
    for (const count of [10, 20, 15]) {
      const { cluster } = world.client();
      const results = seen(Promise.resolve(map(cluster, numbers(count), { id: 'nightly' })));
      await world.run(10);
      await serveAll(world);
      expect(results.value).toEqual(tens(count));
    }
    const attached = seen(Promise.resolve(world.client().cluster.attach('nightly')));
    await world.run(5000);
    expect(attached.value).toEqual(tens(20));
  });

  it('attach stops where the client of a list died', async () => {
    const world = new TestWorld();
    const first = world.client();
    void map(first.cluster, numbers(1000), { id: 'nightly', bufferSize: 12 })[Symbol.asyncIterator]();
    await world.run(10);
    first.store.die();
    await serveAll(world);
    const results = seen(Promise.resolve(world.client().cluster.attach('nightly')));
    await world.run(5000);
    expect(results.value).toEqual(tens(12));
  });

  it('attach gives what was submitted, and is not a promise itself', async () => {
    const world = new TestWorld();
    const first = world.client();
    void map(first.cluster, numbers(30), { id: 'nightly' });
    await world.run(10);
    first.store.die();
    await serveAll(world);
    const batch = world.client().cluster.attach('nightly');
    expect(batch).not.toBeInstanceOf(Promise);
    expect(batch.id).toBe('nightly');
    const results = seen(Promise.resolve(batch));
    await world.run(5000);
    expect(results.value).toEqual(tens(30));
  });

  it('attach to an unknown id rejects its use', async () => {
    const world = new TestWorld();
    const results = seen(Promise.resolve(world.client().cluster.attach('unknown')));
    await world.run(100);
    expect(results.error).toMatchObject({ code: 'ERR_EVERPOOL_BATCH' });
  });

  it('attach stops where its client died', async () => {
    const world = new TestWorld();
    const first = world.client();
    const endless = (function* () {
      for (let each = 0; ; each += 1) yield each;
    })();
    void map(first.cluster, endless, { id: 'nightly', bufferSize: 12 });
    await world.run(10);
    first.store.die();
    await serveAll(world);
    const results = seen(Promise.resolve(world.client().cluster.attach('nightly')));
    await world.run(5000);
    expect(results.value).toEqual(tens(12));
  });

  it('forget removes it', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const batch = map(cluster, numbers(30), { id: 'nightly' });
    const results = seen(Promise.resolve(batch));
    await world.run(10);
    await serveAll(world);
    expect(results.value).toEqual(tens(30));
    const forgotten = seen(batch.forget());
    await world.run(1000);
    expect(forgotten.isSettled).toBe(true);
    expect([world.queue.jobs.size, world.queue.batches.size]).toEqual([0, 0]);
  });

  it('forget leaves nothing of it pending that was attached', async () => {
    const world = new TestWorld();
    void map(world.client().cluster, numbers(100), { id: 'nightly' });
    await world.run(10);
    await serveAll(world);
    const other = world.client().cluster;
    const attached = other.attach('nightly');
    await world.run(10);
    expect(inspect(other)).toContain('100 pending');
    const forgotten = seen(attached.forget());
    await world.run(9);
    expect(forgotten.isSettled).toBe(true);
    expect(inspect(other)).toContain(' 0 pending');
    expect([world.queue.jobs.size, world.queue.batches.size]).toEqual([0, 0]);
  });

  it('forget ends a batch that is being submitted, and none of it comes back', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const batch = map(cluster, numbers(1000), { id: 'nightly', bufferSize: 20 });
    const results = seen(Promise.resolve(batch));
    await world.run(1);
    const forgotten = seen(batch.forget());
    await world.run(5000);
    expect([forgotten.isSettled, results.isSettled]).toEqual([true, true]);
    expect(results.error).toMatchObject({ code: 'ERR_EVERPOOL_BATCH', message: 'batch nightly: it was forgotten' });
    expect([world.queue.jobs.size, world.queue.batches.size]).toEqual([0, 0]);
  });
});
