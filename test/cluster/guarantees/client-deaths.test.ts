/** A client that is killed with -9: its named batch goes on, and others have its results. */
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { newClientProcess, newCluster, startedAgain, startsIn } from '../../kit/clusters.js';
import { endAll, newClient, newHostProcess } from '../../kit/hosts.js';
import { newFolder, until, useKit } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

useKit();
afterEach(endAll);

const COUNT = 300;
const AHEAD = 60;

forEachStore((server) => {
  test('a killed client: attach gives what it had submitted, the same call all of it, and nothing runs twice (C13)', async () => {
    const connection = server.connection();
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const store = await newClient(connection, name);
    await newHostProcess(connection, name, { pool: { size: 2 } });
    const id = 'nightly';
    const client = newClientProcess(connection, name, { id, name: 'mark', count: COUNT, args: [file, 'i-%', 5], bufferSize: AHEAD });
    await until('it is in the middle', () => client.outcomes.length >= 60);
    client.signal('SIGKILL');
    await client.exited;
    // Hosts finish what they have without any client.
    await until('all of it is done', async () => {
      const { queued, running } = await store.store.counts();
      return queued + running === 0;
    });
    const submitted = startsIn(file).size;
    expect(submitted).toBeGreaterThanOrEqual(60);
    expect(submitted).toBeLessThan(COUNT);

    const cluster = newCluster(connection, name);
    const names = Array.from({ length: COUNT }, (_, at) => `i-${at}`);
    expect(await cluster.attach(id)).toEqual(names.slice(0, submitted));
    const items = (): [string, string, number][] => names.map((each) => [file, each, 5]);
    expect(await cluster.starmap('mark', items(), { id })).toEqual(names);
    expect(startedAgain(file)).toEqual([]);
    // It has ended: once more, and from several clients at a time.
    const others = [newCluster(connection, name), newCluster(connection, name)];
    for (const results of await Promise.all(others.map(async (other) => other.starmap('mark', items(), { id }))))
      expect(results).toEqual(names);
    expect(await cluster.attach(id)).toEqual(names);
    expect(startedAgain(file)).toEqual([]);
    await cluster.attach(id).forget();
    await expect(cluster.attach(id)).rejects.toMatchObject({ code: 'ERR_EVERPOOL_BATCH' });
    await until('nothing of it is left', async () => (await store.store.counts()).kept === 0);
  });

  test('a client that is killed while it submits: attach gives the beginning without a gap (C13)', async () => {
    const connection = server.connection();
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const store = await newClient(connection, name);
    const batch = { id: 'early', name: 'mark', count: 5000, args: [file, 'i-%', 0], bufferSize: 5000 };
    const client = newClientProcess(connection, name, batch);
    await until('some are in the store', async () => (await store.store.counts()).queued > 0);
    client.signal('SIGKILL');
    await client.exited;
    await newHostProcess(connection, name, { pool: { size: 2 } });
    const cluster = newCluster(connection, name);
    const results = await cluster.attach<string>('early');
    expect(results.length).toBeGreaterThan(0);
    expect(results).toEqual(results.map((_, at) => `i-${at}`));
    expect(startsIn(file).size).toBe(results.length);
    expect(startedAgain(file)).toEqual([]);
  });
});
