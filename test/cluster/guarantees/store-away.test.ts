/**
 * The store is killed and comes back, in mid-batch and between two. (Its server is a new child
 * then, so the kit cannot check what is left.)
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { newCluster, startedAgain, startsIn } from '../../kit/clusters.js';
import { endAll, newHostProcess } from '../../kit/hosts.js';
import { until } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

const folder = mkdtempSync(join(tmpdir(), 'everpool-away-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
afterEach(endAll);

const COUNT = 400;
/** Of both hosts. */
const PLACES = 4;
/** Longer than a host waits for a task (DRAIN_SECONDS), after which workers of BullMQ stop to fetch. */
const AWAY_MS = 5000;

forEachStore((server) => {
  test('a store that dies in mid-batch and comes back: all have their values, none ran twice; and after a long outage hosts and clients go on (C1, C2, C10)', async () => {
    const connection = server.connection();
    const name = freshName();
    const file = join(folder, name);
    const settings = { lockMs: 20_000, checkMs: 1000, pool: { size: 2 } };
    const hosts = await Promise.all(['first', 'second'].map((host) => newHostProcess(connection, name, { ...settings, host })));
    const cluster = newCluster(connection, name);
    const errors: Error[] = [];
    let recovered = 0;
    cluster.on('storeError', ({ error }) => errors.push(error)).on('recovered', () => (recovered += 1));
    const items = Array.from({ length: COUNT }, (_, at): [string, string, number] => [file, `i-${at}`, 10]);
    const batch = cluster.starmap('mark', items).settled();
    await until('it is in the middle', () => startsIn(file).size >= 60);
    await server.kill();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await server.restart();
    const submittedLate = cluster.run('mark', [file, 'late']);
    const outcomes = await batch;
    // The answer to a fetch may die with the store: the task is taken, and no host knows of it.
    const lost = items.map(([, each]) => each).filter((_, at) => outcomes[at]?.status === 'rejected');
    expect(lost.length).toBeLessThanOrEqual(PLACES);
    expect(lost.filter((each) => startsIn(file).has(each))).toEqual([]);
    const error = expect.objectContaining({ code: 'ERR_EVERPOOL_HOST_LOST' });
    expect(outcomes).toEqual(
      items.map(([, value]) => (lost.includes(value) ? { status: 'rejected', reason: error } : { status: 'fulfilled', value })),
    );
    expect(await submittedLate).toBe('late');
    expect(startedAgain(file)).toEqual([]);
    expect(startsIn(file).size).toBe(COUNT + 1 - lost.length);

    const before = recovered;
    errors.length = 0;
    await server.kill();
    const patient = cluster.run('mark', [file, 'patient']);
    await expect(cluster.run('mark', [file, 'impatient'], { queueTimeoutMs: 500 })).rejects.toMatchObject({ code: 'ERR_EVERPOOL_TIMEOUT' });
    await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
    expect(errors.length).toBeGreaterThan(0);
    await server.restart();
    expect(await patient).toBe('patient');
    expect(recovered).toBeGreaterThan(before);
    const more = items.slice(0, 40).map(([, each]): [string, string, number] => [file, `m-${each}`, 50]);
    expect(await cluster.starmap('mark', more)).toEqual(more.map(([, each]) => each));
    expect(startedAgain(file)).toEqual([]);
    expect(startsIn(file).has('impatient')).toBe(false);
    // Both of them work again.
    const counts = hosts.map((host) => host.events.filter(({ event }) => event === 'taskTaken').length);
    await cluster.starmap(
      'mark',
      more.map(([, each]): [string, string, number] => [file, `n-${each}`, 50]),
    );
    await until('both have taken some', () =>
      hosts.every((host, at) => host.events.filter(({ event }) => event === 'taskTaken').length > (counts[at] as number)),
    );
  });
});
