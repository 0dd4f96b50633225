import type { IQueueBackend } from 'bullmq';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openClientStore } from '../../../src/cluster/store/bull-client-store.js';
import { openConnection } from '../../../src/cluster/store/connection.js';
import { checkConnection } from '../../../src/cluster/store/connection-options.js';
import { isRefusal } from '../../../src/cluster/store/refusals.js';
import type { Report } from '../../../src/cluster/store/types.js';
import type { Connection } from '../../../src/cluster/types.js';
import { forEachStore, freshName } from '../../kit/stores.js';
import { clientOf, closeAll, done, gate, hostOf, readyClient, runningHost, task, until } from './kit.js';

afterEach(closeAll);

forEachStore((server) => {
  it('ready() waits for a store that starts later, and what was added meanwhile is there', async () => {
    const name = freshName();
    await server.kill();
    const client = clientOf(server.connection(), name, 60_000);
    const host = hostOf(server.connection(), name, () => done('o'), { connectTimeoutMs: 60_000 });
    const isAdded = add(client, 't-1');
    await until('both know that it is away', () => client.errors.length > 0 && host.errors.length > 0);
    await server.restart();
    await Promise.all([client.store.ready(), host.store.ready(), isAdded]);
    await until('both know that it is back', () => client.recovered > 0 && host.recovered > 0);
    host.store.start();
    await until('it is done', () => host.reported.length === 1);
    await until('the client has read it', () => client.events.some(({ kind }) => kind === 'completed'));
  });

  it('ready() rejects in time, with the last error of the connection', async () => {
    await server.kill();
    try {
      const client = clientOf(server.connection(), freshName(), 1500);
      await expect(client.store.ready()).rejects.toMatchObject({
        name: 'StoreError',
        code: 'ERR_EVERPOOL_STORE',
        message: expect.stringMatching(/not ready after 1500 ms: .*ECONNREFUSED/),
      });
    } finally {
      await server.restart();
    }
  });

  it('close() ends while the store is away', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    await client.store.add([task('t-1')]);
    const host = await runningHost(server.connection(), name, () => new Promise<Report>(() => undefined));
    await until('it is taken', () => host.taken.length === 1);
    await server.kill();
    try {
      const begun = performance.now();
      await Promise.all([client.store.close(), host.store.close()]);
      expect(performance.now() - begun).toBeLessThan(4000);
    } finally {
      await server.restart();
    }
  });

  it('a store that is killed and comes back loses no report, and no call', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    const work = gate();
    const host = await runningHost(
      server.connection(),
      name,
      async ({ id, failures }): Promise<Report> => {
        await work.passed;
        if (id === 't-fail') return { kind: 'failed', reason: 'no\n{}' };
        if (id === 't-return' && returned++ === 0) return { kind: 'return' };
        if (id === 't-retry' && failures === 0) return { kind: 'retry', reason: 'later\n{}', delayMs: 100, data: task(id).data };
        return done(id);
      },
      { slots: 5, lockMs: 20_000 },
    );
    let returned = 0;
    await client.store.add(['t-ok', 't-fail', 't-return', 't-retry'].map((id) => task(id, { retries: 1 })));
    await until('all are taken', () => host.taken.length === 4);
    await server.kill();
    work.open();
    // Each call is repeated by its caller, as it is harmless.
    const calls = Promise.all([
      add(client, 't-new'),
      again(() => client.store.statuses(['t-ok'])),
      again(() => client.store.counts()),
      again(() => client.store.publishEnd('["end"]')),
      again(() => client.store.createBatch('b', 'text')),
      again(() => client.store.read(['t-ok'])),
      again(() => client.store.remove('t-none')),
      again(() => client.store.discard(['t-none'])),
      again(() => client.store.hosts()),
      again(() => host.store.announce({ name: 'h', slots: 4 })),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(client.errors.length).toBeGreaterThan(0);
    expect(host.errors.length).toBeGreaterThan(0);
    await server.restart();
    await calls;
    await until('all are finished', async () => {
      const statuses = await client.store.statuses(['t-ok', 't-fail', 't-return', 't-retry', 't-new']);
      return statuses.every(({ state }) => state === 'completed' || state === 'failed');
    });
    expect(await client.store.statuses(['t-ok', 't-fail', 't-return', 't-retry', 't-new'])).toEqual([
      { state: 'completed', outcome: 't-ok' },
      { state: 'failed', reason: 'no\n{}' },
      { state: 'completed', outcome: 't-return' },
      { state: 'completed', outcome: 't-retry' },
      { state: 'completed', outcome: 't-new' },
    ]);
    expect(host.taken.every(({ silences }) => silences === 0)).toBe(true);
    expect(host.taken.length).toBe(7);
    await until('both know that it is back', () => client.recovered > 0 && host.recovered > 0);
    // Events are read again.
    await client.store.add([task('t-after')]);
    await until('its event is read', () => client.events.some((event) => event.kind === 'completed' && event.id === 't-after'));
    await again(() => client.store.publishEnd('["after"]'));
    await until('messages are read', () => host.messages.includes('["after"]'));
  });

  it('a task whose lock is lost is said to be lost, may run on, and is given up', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    await client.store.add([task('t-1')]);
    const work = gate();
    const host = await runningHost(server.connection(), name, () => work.passed.then(() => ({ kind: 'abandon' })), {
      lockMs: 1000,
      slots: 1,
    });
    await until('it is taken', () => host.taken.length === 1);
    // Somebody removes it behind the host's back.
    await forceRemove(server.connection(), name);
    await until('the host knows', () => host.lost.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(host.lost).toEqual(['t-1']);
    await client.store.add([task('t-2')]);
    work.open();
    await until('the slot is free', () => host.taken.length === 2);
    expect(host.reported).toEqual([]);
  });

  it('a report without a lock is refused, and said to be', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    await client.store.add([task('t-1')]);
    const work = gate();
    const host = await runningHost(server.connection(), name, () => work.passed.then(() => done('late')), { lockMs: 60_000, slots: 1 });
    await until('it is taken', () => host.taken.length === 1);
    await forceRemove(server.connection(), name);
    work.open();
    await until('it is reported', () => host.reported.length === 1);
    expect(host.reported).toEqual([['t-1', false]]);
    expect(host.lost).toEqual([]);
  });

  it('what cannot be stored is refused, and the rest can be added', async () => {
    const { store, errors } = await readyClient(server.connection(), freshName());
    const bad = [task('12'), task('t:1'), task('t-1', { priority: 1_000_000 }), task('t-1', { priority: 0.5 })];
    // PostgreSQL takes no NUL.
    if (server.kind === 'postgres') bad.push(task('t-nul', { data: { ...task('t').data, args: 'j"\0"' } }));
    for (const each of bad) {
      const error: unknown = await store.add([task('t-2'), each]).catch((thrown: unknown) => thrown);
      expect(isRefusal(error)).toBe(true);
    }
    expect(errors).toEqual([]);
    await store.add([task('t-1')]);
    expect((await store.counts()).queued).toBe(1);
  });

  it('an event that cannot be read stops no other', async () => {
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    const host = await runningHost(server.connection(), name, () => done('o'));
    await publishRaw(server.connection(), name, { event: 'completed', jobId: 't-x', returnvalue: '{no json' });
    await publishRaw(server.connection(), `${name}~control`, { event: 'progress', jobId: 't-x', data: '{no json' });
    for (const forged of [{ event: 'error', jobId: 't-x' }, { event: 'completed', jobId: 't-x' }, { event: 'ended' }])
      await publishRaw(server.connection(), name, forged);
    await until('it is reported', () => client.errors.length > 0);
    await until('events and messages are read again', async () => {
      const id = `t-${Math.random()}`.replace('.', 'x');
      await client.store.add([task(id)]);
      await client.store.publishEnd('["end"]');
      await new Promise((resolve) => setTimeout(resolve, 200));
      return host.messages.length > 0 && client.events.some((event) => event.kind === 'completed' && event.id === id);
    });
  });

  it('prints nothing', async () => {
    const spies = (['log', 'warn', 'error', 'info'] as const).map((method) => vi.spyOn(console, method));
    const name = freshName();
    const client = await readyClient(server.connection(), name);
    const host = await runningHost(server.connection(), name, () => done('o'));
    await client.store.add([task('t-1')]);
    await until('it is done', () => host.reported.length === 1);
    await server.kill();
    await server.restart();
    await again(() => client.store.add([task('t-2')]));
    await until('the second one is done', () => host.reported.length === 2);
    await closeAll();
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });
});

describe('without a server', () => {
  it('close() ends', async () => {
    const listener = { awaits: () => true, onEvent: () => undefined, onError: () => undefined, onRecovered: () => undefined };
    for (const connection of [{ redis: 'redis://127.0.0.1:1' }, { postgres: 'postgres://127.0.0.1:1/x' }]) {
      const store = openClientStore({ connection, name: 'q', connectTimeoutMs: 1000 }, listener);
      await store.close();
      await store.close();
    }
  });
});

type Client = ReturnType<typeof clientOf>;

function add(client: Client, id: string): Promise<void> {
  return again(() => client.store.add([task(id)]));
}

async function again<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (isRefusal(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

// ---- what an operator, or somebody else, may do

async function withBackend(connection: Connection, name: string, act: (backend: IQueueBackend) => Promise<unknown>): Promise<void> {
  const opened = openConnection(checkConnection('connection', connection), 'client', () => undefined);
  await opened.connect();
  await act(opened.factory(name, { connection: {} }));
  await opened.close();
}

function publishRaw(connection: Connection, name: string, fields: Record<string, string>): Promise<void> {
  return withBackend(connection, name, (backend) => backend.publishEvent(fields, 1000));
}

function forceRemove(connection: Connection, name: string): Promise<void> {
  return withBackend(connection, name, async (backend) => {
    await backend.pause(true);
    await backend.obliterate({ force: true, count: 1000 });
  });
}
