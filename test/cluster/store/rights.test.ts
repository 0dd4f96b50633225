import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { migrate } from '../../../src/cluster/migrate.js';
import type { Connection } from '../../../src/cluster/types.js';
import { freshName, type PostgresServer, startPostgres, startRedis, withRedis } from '../../kit/stores.js';
import { clientOf, closeAll, done, hostOf, readyClient, runningHost, task, until } from './kit.js';

afterEach(closeAll);

/** Both reject, soon, and name no password. */
async function expectRefusal(connection: Connection, message: RegExp): Promise<void> {
  const name = freshName();
  const begun = performance.now();
  for (const { store } of [clientOf(connection, name, 60_000), hostOf(connection, name, () => done('o'), { connectTimeoutMs: 60_000 })]) {
    const error: unknown = await store.ready().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'StoreError', code: 'ERR_EVERPOOL_STORE', message: expect.stringMatching(message) });
    expect(String((error as Error).stack)).not.toContain('hush');
  }
  expect(performance.now() - begun).toBeLessThan(20_000);
}

async function expectWork(connection: Connection): Promise<void> {
  const name = freshName();
  await expectWorkIn(connection, name);
}

async function expectWorkIn(connection: Connection, name: string): Promise<void> {
  const client = await readyClient(connection, name);
  const host = await runningHost(connection, name, async ({ id, failures }) => {
    await host.store.addRows(id, ['a row']);
    await host.store.publishProgress(id, 'half');
    return failures === 0 ? { kind: 'retry', reason: 'r', delayMs: 10, data: task(id).data } : done('o');
  });
  await host.store.announce({ name: 'h', slots: 2 });
  await client.store.createBatch('b', 'text');
  await client.store.add([task('t-1', { retries: 1 })]);
  await until('it is done', () => client.events.some(({ kind }) => kind === 'completed'));
  expect(await client.store.statuses(['t-1'])).toEqual([{ state: 'completed', outcome: 'o' }]);
  await client.store.discard(['t-1']);
  expect(await client.store.hosts()).toEqual([{ name: 'h', slots: 2 }]);
  expect([...client.errors, ...host.errors]).toEqual([]);
}

withRedis('on redis', () => {
  const ACL = 'resetkeys ~everpool:* resetchannels +@all -@admin -@dangerous +info +client|setname +client|list +client|id';
  let server: Awaited<ReturnType<typeof startRedis>>;
  const as = (user: string, password = 'hush'): Connection => ({ redis: `redis://${user}:${password}@127.0.0.1:${server.port}` });

  beforeAll(async () => {
    server = await startRedis();
    const setUser = (name: string, rules: string): Promise<unknown> =>
      server.cli.call('ACL', 'SETUSER', name, 'on', '>hush', ...rules.split(' '));
    await setUser('limited', ACL);
    await setUser('mute', `${ACL} -xadd`);
    await setUser('unscripted', `${ACL} -evalsha -eval`);
    await setUser('uninformed', ACL.replace(' +info', ''));
    await setUser('elsewhere', ACL.replace('everpool:', 'other:'));
  });
  afterAll(() => server.stop());

  it('a user who may use its own keys only is enough', () => expectWork(as('limited')));
  it('a wrong password', () => expectRefusal(as('limited', 'hush-hush'), /WRONGPASS/));
  it('an unknown user', () => expectRefusal(as('nobody'), /WRONGPASS/));
  it('a right is missing', async () => {
    await expectRefusal(as('mute'), /NOPERM/);
    await expectRefusal(as('unscripted'), /NOPERM/);
    await expectRefusal(as('elsewhere'), /NOPERM/);
  });

  it('a password is missing', async () => {
    await server.cli.config('SET', 'requirepass', 'hush');
    try {
      await expectRefusal({ redis: `redis://127.0.0.1:${server.port}` }, /NOAUTH/);
      await expectWork({ redis: { host: '127.0.0.1', port: server.port, password: 'hush' } });
    } finally {
      await server.cli.config('SET', 'requirepass', '');
    }
  });

  it('nothing is printed, whatever the handshake answers', async () => {
    const printed = (['warn', 'error', 'log'] as const).map((method) => vi.spyOn(console, method).mockImplementation(() => undefined));
    try {
      await expectWork({ redis: `redis://:unneeded@127.0.0.1:${server.port}` });
      await expectWork({ redis: { host: '127.0.0.1', port: server.port, password: 'unneeded', protocol: 2 } });
      await expectRefusal(as('uninformed'), /NOPERM/);
      await closeAll();
      for (const spy of printed) expect(spy.mock.calls).toEqual([]);
    } finally {
      for (const spy of printed) spy.mockRestore();
    }
  });

  it('a policy that evicts', async () => {
    await server.cli.config('SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      await expectRefusal(as('limited'), /maxmemory-policy of this Redis is allkeys-lru/);
    } finally {
      await server.cli.config('SET', 'maxmemory-policy', 'noeviction');
    }
  });

  it('a wrong password is tried rarely', async () => {
    const before = Number(/total_connections_received:(\d+)/.exec(await server.cli.info('stats'))?.[1]);
    const { store } = clientOf(as('limited', 'wrong'), freshName());
    await expect(store.ready()).rejects.toMatchObject({ name: 'StoreError' });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const after = Number(/total_connections_received:(\d+)/.exec(await server.cli.info('stats'))?.[1]);
    expect(after - before).toBeLessThan(20);
  });

  it('few connections, and none is left', async () => {
    const count = async (): Promise<number> => Number(/connected_clients:(\d+)/.exec(await server.cli.info('clients'))?.[1]);
    const before = await count();
    const name = freshName();
    await readyClient(as('limited'), name);
    expect((await count()) - before).toBe(2);
    const host = await runningHost(as('limited'), name, () => done('o'));
    await host.store.announce({ name: 'h', slots: 2 });
    expect((await count()) - before).toBe(5);
    await closeAll();
    await until('all have ended', async () => (await count()) === before);
  });
});

describe('on postgres', () => {
  let server: PostgresServer;
  const as = (user: string, password = 'hush', rest: object = {}): Connection => ({ postgres: server.url(user, password), ...rest });

  beforeAll(async () => {
    server = await startPostgres();
    await server.query("CREATE ROLE weak LOGIN PASSWORD 'hush'");
    await server.query("CREATE ROLE worker LOGIN PASSWORD 'hush'");
  });
  afterAll(() => server.stop());

  it('a wrong password', () => expectRefusal(as('weak', 'hush-hush'), /password authentication failed/));
  it('an unknown user', () => expectRefusal(as('nobody'), /password authentication failed/));
  it('an unknown database', () => expectRefusal({ postgres: server.url('weak', 'hush', 'nowhere') }, /database "nowhere" does not exist/));
  it('a right is missing', () => expectRefusal(as('weak'), /permission denied/));
  it('no tables, and it may not create them', () =>
    expectRefusal({ postgres: server.url(), migrate: false }, /run `everpool cluster migrate` once/));

  it('a role that may only read and write rows is enough', async () => {
    const name = freshName();
    await migrate({ postgres: server.url(), schema: 'deployed' }, name);
    await migrate({ postgres: server.url(), schema: 'deployed' }, name);
    for (const grant of [
      'USAGE ON SCHEMA deployed',
      'SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA deployed',
      'USAGE ON ALL SEQUENCES IN SCHEMA deployed',
    ])
      await server.query(`GRANT ${grant} TO worker`);
    await expectWorkIn(as('worker', 'hush', { schema: 'deployed', migrate: false }), name);
    await expectRefusal(as('weak', 'hush', { schema: 'deployed', migrate: false }), /permission denied/);
  });

  it('few connections, and none is left', async () => {
    const count = async (): Promise<number> => {
      const [row] = await server.query(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
      );
      return row?.['n'] as number;
    };
    const name = freshName();
    const connection: Connection = { postgres: server.url(), max: 2 };
    const client = await readyClient(connection, name);
    await runningHost(connection, name, ({ id }) => done(id), { slots: 8 });
    const ids = Array.from({ length: 100 }, (_, index) => `t-${index}x`);
    await client.store.add(ids.map((id) => task(id)));
    await until('all are done', async () => (await client.store.counts()).kept === 100);
    await client.store.statuses(ids);
    expect(await count()).toBeLessThanOrEqual(6);
    await closeAll();
    await until('all have ended', async () => (await count()) === 0);
  });

  it('one connection in the pool is enough', () => expectWork({ postgres: server.url(), max: 1 }));
});
