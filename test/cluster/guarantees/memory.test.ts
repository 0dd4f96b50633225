/** A map that is iterated: memory does not grow with the number of items. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { newClientProcess, newCluster } from '../../kit/clusters.js';
import { endAll, newClient, newHostProcess } from '../../kit/hosts.js';
import { isLong } from '../../kit/long.js';
import { useKit } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

useKit();
afterEach(endAll);

const COUNT = isLong ? 10_000 : 1500;
const AHEAD = 50;
const CHARS = isLong ? 16_384 : 60_000;
/** Less than all items, or all results. */
const HEAP_MB = 64;

forEachStore((server) => {
  test('a map whose items exceed the memory of its client, and so do its results (C14)', async () => {
    const connection = server.connection();
    const name = freshName();
    const { store } = await newClient(connection, name);
    await newHostProcess(connection, name, { pool: { size: 2, concurrency: 10 } });
    const flags = [`--max-old-space-size=${HEAP_MB}`];
    const batch = { name: 'echo', count: COUNT, args: ['x'.repeat(CHARS)], bufferSize: AHEAD };
    const client = newClientProcess(connection, name, batch, { flags });
    let most = 0;
    while (client.child.exitCode === null && client.child.signalCode === null) {
      const { queued, running, waiting, kept } = await store.counts();
      most = Math.max(most, queued + running + waiting + kept);
      await Promise.race([client.exited, sleep(50)]);
    }
    expect(await client.exited).toBe(0);
    expect(client.outcomes.length).toBe(COUNT);
    // What has been read leaves the store a moment later.
    expect(most).toBeLessThanOrEqual(4 * AHEAD);
    expect(await store.counts()).toEqual({ queued: 0, running: 0, waiting: 0, kept: 0 });
  });

  test('its input is read as far ahead as bufferSize says, and no further (C14)', async () => {
    const connection = server.connection();
    const name = freshName();
    await newHostProcess(connection, name, { pool: { size: 1, concurrency: 10 } });
    const cluster = newCluster(connection, name);
    let read = 0;
    function* items(): Generator<number> {
      for (; read < 600; ) {
        read += 1;
        yield read;
      }
    }
    let taken = 0;
    for await (const value of cluster.map('echo', items(), { bufferSize: 100 })) {
      taken += 1;
      expect(value).toBe(taken);
      expect(read - taken).toBeLessThanOrEqual(100);
    }
    expect(taken).toBe(600);
  });
});
