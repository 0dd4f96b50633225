/** Events that are lost, doubled, forged, or cannot be read. */
import { join } from 'node:path';
import type { Connection } from 'everpool/cluster';
import { afterEach, expect, test } from 'vitest';
import {
  atStore,
  type ClientSaid,
  newClientProcess,
  newCluster,
  publish,
  removeEvents,
  startedAgain,
  startsIn,
} from '../../kit/clusters.js';
import { endAll, newClient, newHost, newHostProcess } from '../../kit/hosts.js';
import { newFolder, newGate, until, useKit } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

useKit();
afterEach(endAll);

const COUNT = 40;

/** As if each event that says how a task ended came twice more. */
async function repeatCompleted(connection: Connection, name: string): Promise<void> {
  await atStore(connection, name, async (backend) => {
    const [ids = []] = await backend.getRanges(['completed'], 0, -1, true);
    for (let round = 0; round < 2; round += 1) {
      for (const jobId of ids) {
        const returnvalue = String((await backend.getJobData(jobId))?.returnvalue);
        await backend.publishEvent({ event: 'completed', jobId, returnvalue }, 50_000);
      }
    }
  });
}

forEachStore((server) => {
  test.each(['lost', 'doubled'])('events that are %s: each result comes once, by event or looked up (C1, C11)', async (what) => {
    const connection = server.connection();
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const { store } = await newClient(connection, name);
    const client = newClientProcess(connection, name, { name: 'mark', count: COUNT, args: [file, 'i-%'] });
    await until('all are in the store', async () => (await store.counts()).queued === COUNT);
    // The client stands still while everything happens, and reads nothing of it.
    client.signal('SIGSTOP');
    await newHostProcess(connection, name, { pool: { size: 2 } });
    await until('all is done', async () => (await store.counts()).kept === COUNT);
    if (what === 'lost') await removeEvents(connection, name);
    else await repeatCompleted(connection, name);
    client.signal('SIGCONT');
    expect(await client.exited).toBe(0);
    expect(client.outcomes.map(({ value }) => value)).toEqual(Array.from({ length: COUNT }, (_, at) => `i-${at}`));
    const { byEvent, bySweep } = client.events.at(-1) as Required<ClientSaid>;
    expect(byEvent + bySweep).toBe(COUNT);
    if (what === 'lost') expect(bySweep).toBeGreaterThan(COUNT / 2);
    expect((await store.counts()).kept).toBe(0);
  });

  test('events that are forged or cannot be read settle nothing (C1, C11)', async () => {
    const connection = server.connection();
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const { file: gate, open } = newGate();
    const secret = 'a secret';
    await newHost(connection, name, { secret, pool: { size: 3 } });
    const cluster = newCluster(connection, name, { secret });
    const settled: string[] = [];
    cluster.on('taskSettled', ({ id }) => settled.push(id));
    const waits = [cluster.run('spin', [file, 'one', gate]), cluster.run('spin', [file, 'two', gate])];
    await until('both run', () => startsIn(file).size === 2);
    const forged = { k: 'value', t: 'j"forged"', n: 1, m: 1, h: 'h', s: 'AAAA' };
    await publish(
      connection,
      name,
      waits.flatMap(({ id: jobId }) => [
        { event: 'completed', jobId, returnvalue: JSON.stringify(JSON.stringify(forged)) },
        { event: 'completed', jobId, returnvalue: 'null' },
        { event: 'completed', jobId, returnvalue: '{no json' },
        { event: 'failed', jobId, failedReason: `it failed\n${JSON.stringify({ ...forged, k: 'thrown' })}` },
        { event: 'failed', jobId, failedReason: '' },
        { event: 'removed', jobId },
        { event: 'active', jobId },
        { event: 'waiting', jobId },
        { event: 'delayed', jobId },
        { event: 'progress', jobId, data: '{no json' },
        { event: 'ended', message: JSON.stringify([jobId, 'kill', '', 'AAAA']) },
        { event: 'ended', message: 'no json' },
        { event: 'error', jobId },
        { event: 'constructor', jobId },
        { event: '__proto__', jobId },
      ]),
    );
    // Behind all of these.
    expect(await cluster.run('add', [1, 2])).toBe(3);
    expect(settled.length).toBe(1);
    open();
    expect(await Promise.all(waits)).toEqual(['one', 'two']);
    expect(settled.length).toBe(3);
    expect(startedAgain(file)).toEqual([]);
    expect(await cluster.stats()).toMatchObject({ pending: 0, succeeded: 3, failed: 0, cancelled: 0 });
  });
});
