/** A store that refuses, and what a program learns of it: `Cluster.ready()` and `serve()`. */
import { StoreError } from 'everpool/cluster';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../../src/cluster/types.js';
import { newCluster } from '../../kit/clusters.js';
import { endAll, newHost } from '../../kit/hosts.js';
import { rejection, useKit } from '../../kit/pools.js';
import { freshName, type PostgresServer, startPostgres, startRedis, withRedis } from '../../kit/stores.js';

useKit();
afterEach(endAll);

/** Both reject in time with a StoreError that says why, and shows no password. */
async function expectRefused(connection: Connection, why: RegExp): Promise<void> {
  const name = freshName();
  const cluster = newCluster(connection, name, { connectTimeoutMs: 60_000 });
  const task = rejection(cluster.run('add', [1, 2], { queueTimeoutMs: 500 }));
  const begun = performance.now();
  for (const error of await Promise.all([rejection(cluster.ready()), rejection(newHost(connection, name))])) {
    expect(error.constructor.name).toBe(StoreError.name);
    expect(error['code']).toBe('ERR_EVERPOOL_STORE');
    expect(error.message).toMatch(why);
    expect(String(error.stack)).not.toContain('hush');
  }
  expect(performance.now() - begun).toBeLessThan(50_000);
  // A task of a store that may be mended is pending; one that the store itself refuses is not.
  expect((await task)['code']).toMatch(/^ERR_EVERPOOL_(TIMEOUT|STORE)$/);
}

withRedis('on redis', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  const as = (user: string, password = 'hush'): Connection => ({ redis: `redis://${user}:${password}@127.0.0.1:${server.port}` });
  beforeAll(async () => {
    server = await startRedis();
    const rules = 'on >hush resetkeys ~everpool:* resetchannels +@all -@admin -@dangerous +info +client|setname +client|list +client|id';
    await server.cli.call('ACL', 'SETUSER', 'limited', ...rules.split(' '));
    await server.cli.call('ACL', 'SETUSER', 'mute', ...rules.split(' '), '-xadd');
  });
  afterAll(() => server.stop());

  test('a wrong password', () => expectRefused(as('limited', 'hush-hush'), /WRONGPASS/));
  test('a missing right', () => expectRefused(as('mute'), /NOPERM/));
  test('a policy that evicts', async () => {
    await server.cli.config('SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      await expectRefused(as('limited'), /maxmemory-policy of this Redis is allkeys-lru/);
    } finally {
      await server.cli.config('SET', 'maxmemory-policy', 'noeviction');
    }
  });
});

describe('on postgres', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
    await server.query("CREATE ROLE weak LOGIN PASSWORD 'hush'");
  });
  afterAll(() => server.stop());

  test('a wrong password', () => expectRefused({ postgres: server.url('weak', 'hush-hush') }, /password authentication failed/));
  test('a missing right', () => expectRefused({ postgres: server.url('weak', 'hush') }, /permission denied/));
});
