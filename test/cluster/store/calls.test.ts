import { afterEach, describe, expect, it } from 'vitest';
import type { Report } from '../../../src/cluster/store/types.js';
import { forEachStore, freshName } from '../../kit/stores.js';
import { clientOf, closeAll, done, gate, readyClient, runningHost, task, until } from './kit.js';

afterEach(closeAll);

forEachStore((server) => {
  describe('a client', () => {
    it('adds tasks, and one again changes nothing', async () => {
      const { store } = await readyClient(server.connection(), freshName());
      await store.add([task('t-1'), task('t-2', { name: 'with\0nul' })]);
      await store.add([task('t-1'), task('t-3')]);
      expect(await store.counts()).toEqual({ queued: 3, running: 0, waiting: 0, kept: 0 });
      expect(await store.statuses(['t-1', 't-9', 't-3'])).toEqual([{ state: 'unfinished' }, { state: 'missing' }, { state: 'unfinished' }]);
      const [first, none] = await store.read(['t-1', 't-9']);
      expect(first).toEqual({ id: 't-1', data: task('t-1').data, status: { state: 'unfinished' }, wasTaken: false });
      expect(none).toBeUndefined();
    });

    it('adds before the store is ready', async () => {
      const { store } = clientOf(server.connection(), freshName());
      await store.add([task('t-1')]);
      expect((await store.counts()).queued).toBe(1);
    });

    it('removes what no host has taken', async () => {
      const name = freshName();
      const { store } = await readyClient(server.connection(), name);
      const work = gate();
      await store.add([task('t-1'), task('t-2'), task('t-3')]);
      const host = await runningHost(server.connection(), name, () => work.passed.then(() => done('o')), { slots: 1 });
      await until('t-1 is taken', () => host.taken.length === 1);
      expect(await Promise.all(['t-1', 't-2', 't-9'].map((id) => store.remove(id)))).toEqual(['taken', 'removed', 'missing']);
      work.open();
      await until('t-3 is done', () => host.reported.length === 2);
      expect(host.taken.map(({ id }) => id)).toEqual(['t-1', 't-3']);
      // A finished one keeps its outcome.
      expect(await store.remove('t-1')).toBe('taken');
      expect(await store.statuses(['t-1', 't-2'])).toEqual([{ state: 'completed', outcome: 'o' }, { state: 'missing' }]);
    });

    it('removes no task that a host takes at the same time', async () => {
      const name = freshName();
      const { store } = await readyClient(server.connection(), name);
      const ids = Array.from({ length: 300 }, (_, index) => `t-${index}x`);
      await store.add(ids.map((id) => task(id)));
      const host = await runningHost(server.connection(), name, () => done('o'), { slots: 8 });
      const removed: string[] = [];
      for (let at = 0; at < ids.length; at += 10) {
        // Those that are about to be taken.
        const next = Math.max(at, host.taken.length);
        await Promise.all(
          ids.slice(next, next + 10).map(async (id) => {
            if ((await store.remove(id)) === 'removed') removed.push(id);
          }),
        );
      }
      await until('nothing is left', async () => (await store.counts()).queued + host.taken.length - host.reported.length === 0);
      const taken = new Set(host.taken.map(({ id }) => id));
      expect(removed.filter((id) => taken.has(id))).toEqual([]);
      expect(removed.length + taken.size).toBe(300);
      expect(host.reported.every(([, isDone]) => isDone)).toBe(true);
    });

    it('removes a task whose host was silent', async () => {
      const name = freshName();
      const { store } = await readyClient(server.connection(), name);
      await store.add([task('t-1')]);
      const host = await runningHost(server.connection(), name, () => new Promise<Report>(() => undefined), {
        lockMs: 1000,
        checkMs: 60_000,
      });
      await until('it is taken', () => host.taken.length === 1);
      expect(await store.remove('t-1')).toBe('taken');
      await host.store.close();
      await until('its lock has ended', async () => (await store.remove('t-1')) === 'removed');
      expect(await store.statuses(['t-1'])).toEqual([{ state: 'missing' }]);
    });

    it('discards the results that it has read', async () => {
      const name = freshName();
      const { store } = await readyClient(server.connection(), name);
      const host = await runningHost(server.connection(), name, ({ id }) => done(id));
      const ids = Array.from({ length: 130 }, (_, index) => `t-${index}x`);
      await store.add(ids.map((id) => task(id)));
      await until('all are reported', () => host.reported.length === 130);
      expect((await store.counts()).kept).toBe(130);
      await store.discard([...ids, 't-none']);
      expect(await store.counts()).toEqual({ queued: 0, running: 0, waiting: 0, kept: 0 });
    });

    it('lists all unfinished tasks', async () => {
      const name = freshName();
      const { store } = await readyClient(server.connection(), name);
      const host = await runningHost(server.connection(), name, ({ id }) =>
        id === 't-late'
          ? { kind: 'retry', reason: 'later', delayMs: 60_000, data: task(id).data }
          : id === 't-done'
            ? done('o')
            : new Promise<Report>(() => undefined),
      );
      await store.add([task('t-late', { retries: 1 }), task('t-done')]);
      await until('both are reported', () => host.reported.length === 2);
      await store.add([task('t-run', { priority: 1 }), task('t-run2', { priority: 1 })]);
      await until('two run', () => host.taken.length === 4);
      await store.add([task('t-wait'), task('t-low', { priority: -1_000_000 })]);
      const found = new Map<string, unknown>();
      for await (const { id, status } of store.unfinished()) found.set(id, status);
      expect(found).toEqual(
        new Map<string, unknown>([
          ['t-late', { state: 'unfinished', as: 'waiting' }],
          ['t-wait', { state: 'unfinished', as: 'queued' }],
          ['t-low', { state: 'unfinished', as: 'queued' }],
          ['t-run', { state: 'unfinished', as: 'running' }],
          ['t-run2', { state: 'unfinished', as: 'running' }],
        ]),
      );
      expect(await store.counts()).toEqual({ queued: 2, running: 2, waiting: 1, kept: 1 });
    });

    it('keeps a named batch until it is removed', async () => {
      const { store } = await readyClient(server.connection(), freshName());
      expect(await store.readBatch('1')).toBeUndefined();
      expect(await store.createBatch('1', 'first')).toBe('first');
      expect(await store.createBatch('1', 'second')).toBe('first');
      await store.updateBatch('1', 'third');
      expect(await store.readBatch('1')).toBe('third');
      await store.removeBatch('1');
      await store.removeBatch('1');
      expect(await store.readBatch('1')).toBeUndefined();
      await store.updateBatch('1', 'fourth');
      expect(await store.readBatch('1')).toBe('fourth');
      expect((await store.counts()).queued).toBe(0);
    });

    it('adds 10,000 tasks', async () => {
      const { store } = await readyClient(server.connection(), freshName());
      const ids = Array.from({ length: 10_000 }, (_, index) => `t-${index}x`);
      for (let at = 0; at < ids.length; at += 500) await store.add(ids.slice(at, at + 500).map((id) => task(id)));
      expect((await store.counts()).queued).toBe(10_000);
      const statuses = await store.statuses(ids);
      expect(statuses.every(({ state }) => state === 'unfinished')).toBe(true);
    });
  });

  describe('a host', () => {
    it('takes tasks by priority, then in order, and reports them', async () => {
      const name = freshName();
      const client = await readyClient(server.connection(), name);
      await client.store.add([task('t-a'), task('t-b'), task('t-low', { priority: -5 }), task('t-high', { priority: 999_999 })]);
      const before = performance.now();
      const host = await runningHost(
        server.connection(),
        name,
        ({ id }) => (id === 't-b' ? { kind: 'failed', reason: 'no\n{}' } : done(`of ${id}`)),
        {
          slots: 1,
        },
      );
      await until('all are reported', () => host.reported.length === 4);
      expect(host.taken.map(({ id }) => id)).toEqual(['t-high', 't-a', 't-b', 't-low']);
      expect(host.reported.every(([, isDone]) => isDone)).toBe(true);
      const [first] = host.taken;
      expect(first).toMatchObject({ data: task('t-a').data, silences: 0, failures: 0 });
      expect(first?.takenAt).toBeGreaterThanOrEqual(before);
      expect(first?.takenAt).toBeLessThanOrEqual(performance.now());
      expect(await client.store.statuses(['t-high', 't-a', 't-b'])).toEqual([
        { state: 'completed', outcome: 'of t-high' },
        { state: 'completed', outcome: 'of t-a' },
        { state: 'failed', reason: 'no\n{}' },
      ]);
      expect(await client.store.read(['t-a', 't-b'])).toMatchObject([{ status: { outcome: 'of t-a' } }, { status: { reason: 'no\n{}' } }]);
      await until('the events are read', () => client.events.filter(({ kind }) => kind === 'completed' || kind === 'failed').length === 4);
      expect(client.events).toContainEqual({ kind: 'taken', id: 't-a' });
      expect(client.events).toContainEqual({ kind: 'completed', id: 't-a', outcome: 'of t-a' });
      expect(client.events).toContainEqual({ kind: 'failed', id: 't-b', reason: 'no\n{}' });
    });

    it('tries a task again after the delay, with the data that it wrote', async () => {
      const name = freshName();
      const { store, events } = await readyClient(server.connection(), name);
      await store.add([task('t-1', { retries: 2 })]);
      const data = (past: string) => ({ ...task('t-1').data, past });
      const host = await runningHost(server.connection(), name, ({ failures }) =>
        failures === 2 ? done('o') : { kind: 'retry', reason: 'again\n{}', delayMs: failures * 300, data: data(`0,0,${failures + 1}`) },
      );
      await until('it is done', () => host.reported.length === 3);
      expect(host.taken.map(({ failures, data: read }) => [failures, (read as { past?: string }).past])).toEqual([
        [0, undefined],
        [1, '0,0,1'],
        [2, '0,0,2'],
      ]);
      const [, second, third] = host.taken;
      expect((third?.takenAt ?? 0) - (second?.takenAt ?? 0)).toBeGreaterThanOrEqual(290);
      expect(await store.read(['t-1'])).toMatchObject([{ status: { state: 'completed', outcome: 'o' } }]);
      expect(await store.read(['t-1'])).toMatchObject([{ wasTaken: true }]);
      await until('the delay is an event', () => events.some(({ kind }) => kind === 'waiting'));
    });

    it('gives a task back, to the front and uncounted', async () => {
      const name = freshName();
      const { store } = await readyClient(server.connection(), name);
      await store.add([task('t-1'), task('t-2')]);
      let returns = 0;
      const first = await runningHost(
        server.connection(),
        name,
        () => {
          first.store.pause();
          returns += 1;
          return { kind: 'return' };
        },
        { slots: 1 },
      );
      await until('it is given back', () => first.reported.length === 1);
      expect(await store.counts()).toMatchObject({ queued: 2, running: 0 });
      const second = await runningHost(server.connection(), name, () => done('o'), { slots: 1 });
      await until('both are done', () => second.reported.length === 2);
      expect(second.taken.map(({ id, silences, failures }) => [id, silences, failures])).toEqual([
        ['t-1', 0, 0],
        ['t-2', 0, 0],
      ]);
      expect([returns, first.taken.length]).toEqual([1, 1]);
      await store.add([task('t-3')]);
      await until('the other one takes it', () => second.reported.length === 3);
      first.store.resume();
      second.store.pause();
      await store.add([task('t-4')]);
      await until('the first one takes again', () => first.taken.length === 2);
    });

    it('keeps to its slots, also when they change', async () => {
      const name = freshName();
      const { store } = await readyClient(server.connection(), name);
      const gates = new Map<string, ReturnType<typeof gate>>();
      const host = await runningHost(
        server.connection(),
        name,
        async ({ id }) => {
          const own = gate();
          gates.set(id, own);
          await own.passed;
          gates.delete(id);
          return done('o');
        },
        { slots: 2 },
      );
      await store.add(Array.from({ length: 12 }, (_, index) => task(`t-${index}x`)));
      await until('two run', () => gates.size === 2);
      host.store.setSlots(4);
      gates.values().next().value?.open();
      await until('four run', () => gates.size === 4);
      host.store.setSlots(1);
      for (const each of gates.values()) each.open();
      await until('five are done', () => host.reported.length >= 5 && gates.size === 1);
      let most = 0;
      while (host.reported.length < 12) {
        most = Math.max(most, gates.size);
        for (const each of gates.values()) each.open();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(most).toBe(1);
    });

    it('renews its locks, and says when one is lost', async () => {
      const name = freshName();
      const { store } = await readyClient(server.connection(), name);
      await store.add([task('t-1'), task('t-2')]);
      const host = await runningHost(server.connection(), name, () => new Promise<Report>(() => undefined), { lockMs: 1000, checkMs: 500 });
      await until('both were renewed three times', () => host.renewed.length >= 6);
      expect(host.lost).toEqual([]);
      expect(host.renewed.every(([, askedAt]) => askedAt <= performance.now())).toBe(true);
      expect(host.taken.length).toBe(2);
      expect(await store.statuses(['t-1'])).toMatchObject([{ state: 'unfinished' }]);
    });

    it('takes what a silent host had, and counts the silence', async () => {
      const name = freshName();
      const { store } = await readyClient(server.connection(), name);
      await store.add([task('t-1')]);
      const silent = await runningHost(server.connection(), name, () => new Promise<Report>(() => undefined), {
        lockMs: 1000,
        checkMs: 500,
      });
      await until('it is taken', () => silent.taken.length === 1);
      await silent.store.close();
      const host = await runningHost(server.connection(), name, () => done('o'), { lockMs: 1000, checkMs: 500 });
      await until('it is done', () => host.reported.length === 1);
      expect(host.taken).toMatchObject([{ id: 't-1', silences: 1, failures: 0 }]);
    });

    it('writes rows, progress and messages', async () => {
      const name = freshName();
      const connection = server.connection();
      const client = await readyClient(connection, name);
      await client.store.add([task('t-1')]);
      const host = await runningHost(connection, name, async ({ id }) => {
        await host.store.addRows(id, ['row 0', 'row 1', `row 2 ${'x'.repeat(1_048_576)}`]);
        await host.store.publishProgress(id, '["half"]');
        return done('o');
      });
      await until('it is done', () => host.reported.length === 1);
      const rows = await client.store.rows('t-1');
      expect(rows.map((row) => row.slice(0, 5))).toEqual(['row 0', 'row 1', 'row 2']);
      expect(await client.store.rows('t-none')).toEqual([]);
      await client.store.publishEnd('["t-1","kill"]');
      await client.store.publishEnded('["t-2","cancel"]');
      await until('the host was sent the message', () => host.messages.length === 1);
      expect(host.messages).toEqual(['["t-1","kill"]']);
      await until('the client has read its events', () => client.events.some(({ kind }) => kind === 'ended'));
      expect(client.events).toContainEqual({ kind: 'progress', id: 't-1', message: '["half"]' });
      expect(client.events).toContainEqual({ kind: 'ended', message: '["t-2","cancel"]' });
    });

    it('is in the list of hosts until it closes', async () => {
      const name = freshName();
      const { store } = await readyClient(server.connection(), name);
      const [one, two] = await Promise.all(
        ['b', 'a'].map((host) => runningHost(server.connection(), name, () => done('o'), { host, lockMs: 1000 })),
      );
      await one?.store.announce({ name: 'b', slots: 3 });
      await two?.store.announce({ name: 'a', slots: 1 });
      expect(await store.hosts()).toEqual([
        { name: 'a', slots: 1 },
        { name: 'b', slots: 3 },
      ]);
      await two?.store.close();
      expect(await store.hosts()).toEqual([{ name: 'b', slots: 3 }]);
      await until('the silent one is left out', async () => (await store.hosts()).length === 0);
    });
  });
});
