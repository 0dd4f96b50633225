/** What the host's worker does beside BullMQ's own. */
import { createRequire } from 'node:module';
import { afterEach, expect, it, vi } from 'vitest';
import { openConnection } from '../../../src/cluster/store/connection.js';
import { checkConnection } from '../../../src/cluster/store/connection-options.js';
import type { Report } from '../../../src/cluster/store/types.js';
import { forEachStore, freshName } from '../../kit/stores.js';
import { clientOf, closeAll, done, gate, readyClient, runningHost, task, until } from './kit.js';

const bullmq = createRequire(import.meta.url)('bullmq') as typeof import('bullmq');

afterEach(async () => {
  vi.restoreAllMocks();
  await closeAll();
});

forEachStore((server) => {
  const backendClass = (): { prototype: import('bullmq').IQueueBackend } =>
    server.kind === 'redis' ? bullmq.RedisQueueBackend : (bullmq.PostgresQueueBackend as never);

  it('an id that comes back is not started before its earlier attempt has ended', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    await client.store.add([task('t-1')]);
    const [first, second] = [gate(), gate()];
    const host = await runningHost(
      server.connection(),
      name,
      async () => {
        if (host.taken.length > 1) return second.passed.then(() => done('second'));
        await first.passed;
        return { kind: 'abandon' };
      },
      { slots: 2, lockMs: 1000, checkMs: 500 },
    );
    await until('it is taken', () => host.taken.length === 1);
    const opened = openConnection(checkConnection('connection', server.connection()), 'client', () => undefined);
    await opened.connect();
    await opened.factory(name, { connection: {} }).moveJobFromActiveToWait('t-1', '0');
    await opened.close();
    await until('it is taken again', async () => (await client.store.counts()).running === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(host.taken.length).toBe(1);
    first.open();
    await until('it is started again', () => host.taken.length === 2);
    const renewals = host.renewed.length;
    await until('its lock is renewed', () => host.renewed.length >= renewals + 4);
    second.open();
    await until('it is reported', () => host.reported.length === 1);
    expect(host.reported).toEqual([['t-1', true]]);
    expect(await client.store.statuses(['t-1'])).toEqual([{ state: 'completed', outcome: 'second' }]);
  });

  it('a lock whose fetch was answered late is renewed before the task starts', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    await client.store.add([task('t-1'), task('t-2')]);
    const original = backendClass().prototype.moveToActive;
    let fetches = 0;
    vi.spyOn(backendClass().prototype, 'moveToActive').mockImplementation(async function (this: never, ...args) {
      const result = await original.apply(this, args);
      fetches += 1;
      if (fetches === 1) await new Promise((resolve) => setTimeout(resolve, 1500));
      return result;
    });
    let startedAt = 0;
    const started = (): Report => {
      startedAt ||= performance.now();
      return done('o');
    };
    const host = await runningHost(server.connection(), name, started, { slots: 1, lockMs: 2000, checkMs: 60_000 });
    await until('both are reported', () => host.reported.length === 2);
    expect(startedAt - (host.taken[0]?.takenAt ?? 0)).toBeLessThan(1000);
    expect(host.reported).toEqual([
      ['t-1', true],
      ['t-2', true],
    ]);
  });

  it('a report that the store did not take is repeated, with the lock renewed, and fetches nothing', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    await client.store.add([task('t-1'), task('t-2')]);
    const fetches: boolean[] = [];
    const original = backendClass().prototype.moveToCompleted;
    vi.spyOn(backendClass().prototype, 'moveToCompleted').mockImplementation(function (this: never, ...args) {
      fetches.push(args[4]);
      if (fetches.length < 4) throw new Error('an error of the connection');
      return original.apply(this, args);
    });
    const host = await runningHost(server.connection(), name, ({ id }) => done(id), { slots: 1, lockMs: 1500, checkMs: 500 });
    await until('both are reported', () => host.reported.length === 2);
    expect(host.reported).toEqual([
      ['t-1', true],
      ['t-2', true],
    ]);
    expect(fetches.slice(0, 4)).toEqual([true, false, false, false]);
    expect(host.taken.every(({ silences }) => silences === 0)).toBe(true);
    expect(host.renewed.some(([id]) => id === 't-1')).toBe(true);
    expect(host.errors.length).toBeGreaterThan(0);
    await until('it has recovered', () => host.recovered > 0);
  });

  it('a report whose answer is lost counts as taken', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    await client.store.add([task('t-1')]);
    const original = backendClass().prototype.moveToCompleted;
    let calls = 0;
    vi.spyOn(backendClass().prototype, 'moveToCompleted').mockImplementation(async function (this: never, ...args) {
      const result = await original.apply(this, args);
      calls += 1;
      if (calls === 1) throw new Error('the answer is lost');
      return result;
    });
    const host = await runningHost(server.connection(), name, () => done('o'));
    await until('it is reported', () => host.reported.length === 1);
    expect(host.reported).toEqual([['t-1', true]]);
    expect(calls).toBe(1);
  });

  it('a report is given up after lockMs', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    await client.store.add([task('t-1')]);
    vi.spyOn(backendClass().prototype, 'moveToCompleted').mockRejectedValue(new Error('an error of the connection'));
    const host = await runningHost(server.connection(), name, () => done('o'), { lockMs: 1000, checkMs: 60_000 });
    await until('it is given up', () => host.reported.length === 1);
    expect(host.reported).toEqual([['t-1', false]]);
  });

  it('another worker takes over from one that has stopped to fetch', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    const original = backendClass().prototype.waitForJob;
    let isFirst = true;
    vi.spyOn(backendClass().prototype, 'waitForJob').mockImplementation(function (this: never, ...args) {
      if (!isFirst) return original.apply(this, args);
      isFirst = false;
      return new Promise(() => undefined);
    });
    const work = gate();
    const host = await runningHost(server.connection(), name, () => work.passed.then(() => done('o')), { slots: 2 });
    await until('it waits', () => !isFirst);
    await client.store.add(Array.from({ length: 5 }, (_, index) => task(`t-${index}x`)));
    await until('two are taken', () => host.taken.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(host.taken.length).toBe(2);
    work.open();
    await until('all are done', () => host.reported.length === 5);
    expect(host.taken.length).toBe(5);
  });

  it('a client hears of its first task, though it begins to read events late', async () => {
    const name = freshName();
    const host = await runningHost(server.connection(), name, () => done('o'));
    const original = backendClass().prototype.readEvents;
    vi.spyOn(backendClass().prototype, 'readEvents').mockImplementation(async function (this: never, ...args) {
      if (args[0] === '$') await new Promise((resolve) => setTimeout(resolve, 500));
      return original.apply(this, args);
    });
    const client = clientOf(server.connection(), name);
    await client.store.add([task('t-1')]);
    await until('it is done', () => host.reported.length === 1);
    await until('the client has the event', () => client.events.some(({ kind }) => kind === 'completed'), 5000);
  });

  // The answer to a fetch, and that to a report, which fetches too.
  for (const [method, taken] of [
    ['moveToActive', 0],
    ['moveToCompleted', 1],
  ] as const) {
    it(`a task that comes while the host leaves goes back: ${method}`, async () => {
      const name = freshName();
      const client = await readyClient(server.connection(), name);
      await client.store.add([task('t-1'), task('t-2')]);
      const [isHeld, release] = [gate(), gate()];
      const original = backendClass().prototype[method] as (...args: unknown[]) => Promise<unknown>;
      vi.spyOn(backendClass().prototype, method).mockImplementation(async function (this: never, ...args: unknown[]) {
        const answer = await original.apply(this, args);
        isHeld.open();
        await release.passed;
        return answer as never;
      });
      const host = await runningHost(server.connection(), name, () => done('o'), { slots: 1 });
      await isHeld.passed;
      host.store.pause();
      const closed = taken === 0 ? host.store.close() : undefined; // a host waits for its reports
      release.open();
      await until('it is reported', () => host.reported.length === taken);
      await (closed ?? host.store.close());
      const { queued, running } = await client.store.counts();
      expect({ queued, running, taken: host.taken.length }).toEqual({ queued: 2 - taken, running: 0, taken });
    });
  }

  it('a paused host does not take the task that it was waiting for', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    const host = await runningHost(server.connection(), name, () => done('o'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    host.store.pause();
    await client.store.add([task('t-1'), task('t-2')]);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(host.taken).toEqual([]);
    host.store.resume();
    await until('both are done', () => host.reported.length === 2);
  });

  it('results older than keepMs leave the store, whether their tasks succeeded or failed', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    const work = ({ id }: { id: string }): Report => (id.startsWith('ok') ? done(id) : { kind: 'failed', reason: 'no' });
    await runningHost(server.connection(), name, work, { keepMs: 1000 });
    const states = async (ids: readonly string[]): Promise<string[]> => (await client.store.statuses(ids)).map(({ state }) => state);
    let round = 0;
    const finish = async (): Promise<void> => {
      round += 1;
      const ids = [`ok-${round}`, `bad-${round}`];
      await client.store.add(ids.map((id) => task(id)));
      await until('both have finished', async () => (await states(ids)).every((state) => state === 'completed' || state === 'failed'));
      expect(await states(ids)).toEqual(['completed', 'failed']);
    };
    await finish();
    await until('the first have left', async () => {
      await finish();
      return (await states(['ok-1', 'bad-1'])).every((state) => state === 'missing');
    });
  });
});
