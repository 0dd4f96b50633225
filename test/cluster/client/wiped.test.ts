/** Somebody empties the store while tasks run and wait: they settle, and the next ones work (C1). */
import { afterEach, expect, test } from 'vitest';
import { Cluster } from '../../../src/cluster/cluster.js';
import { endAll, newHost } from '../../kit/hosts.js';
import { newFolder, until, useKit } from '../../kit/pools.js';
import { freshName, type PostgresServer, type StoreServer, startPostgres, startRedis, withRedis } from '../../kit/stores.js';

useKit();
afterEach(endAll);

async function expectRecovery(server: StoreServer, wipe: () => Promise<unknown>): Promise<void> {
  const name = freshName();
  const connection = server.connection('emptied');
  await newHost(connection, name);
  const cluster = new Cluster({ connection, name, sweepMs: 500 });
  const errors: string[] = [];
  cluster.on('storeError', ({ error }) => errors.push(error.message));
  try {
    await cluster.ready();
    const file = `${newFolder()}/ledger`;
    const tasks = Array.from({ length: 10 }, (_, index) => cluster.run('mark', [file, `${index}`, 60_000]));
    const ends = Promise.all(tasks.map((task) => task.then(String, (error: { code: string }) => error.code)));
    await until('they are in the store', async () => (await cluster.stats()).cluster.queued === 9);
    await wipe();
    expect(new Set(await ends)).toEqual(new Set(['ERR_EVERPOOL_RESULT_LOST']));
    expect(await cluster.run('add', [1, 2])).toBe(3);
    expect(new Set(errors).size).toBe(errors.length);
  } finally {
    await cluster.terminate();
    await server.stop();
  }
}

withRedis('on Redis', () => {
  test('FLUSHALL', async () => {
    const server = await startRedis();
    await expectRecovery(server, () => server.cli.flushall());
  });
});

test('on PostgreSQL, DROP SCHEMA', async () => {
  const server: PostgresServer = await startPostgres();
  await expectRecovery(server, () => server.query('DROP SCHEMA emptied CASCADE'));
});
