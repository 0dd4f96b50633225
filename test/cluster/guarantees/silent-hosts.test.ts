/** Hosts that freeze or are cut off in mid-batch, and a client that is. */
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { newCluster, startedAgain, startsIn } from '../../kit/clusters.js';
import { endAll, type Line, ledgerOf, newHostProcess } from '../../kit/hosts.js';
import { newFolder, until, useKit } from '../../kit/pools.js';
import { type StoreProxy, startProxy, through } from '../../kit/proxy.js';
import { forEachStore, freshName } from '../../kit/stores.js';

useKit();
const proxies: StoreProxy[] = [];
afterEach(async () => {
  for (const proxy of proxies) proxy.lighten();
  await endAll();
  for (const proxy of proxies.splice(0)) proxy.close();
});

const LOCK_MS = 2000;
const CHECK_MS = 500;
const COUNT = 60;

forEachStore((server) => {
  const newProxy = async (): Promise<StoreProxy> => {
    const proxy = await startProxy(server.port);
    proxies.push(proxy);
    return proxy;
  };
  const itemsOf = (file: string, ms: number): [string, string, number][] =>
    Array.from({ length: COUNT }, (_, at) => [file, `i-${at}`, ms] as [string, string, number]);

  test('a host that is frozen for three locks: what it had is lost or ran, each once, and it goes on (C1, C2, C4, C8, C9)', async () => {
    const connection = server.connection();
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const first = await newHostProcess(connection, name, { host: 'first', pool: { size: 3 } });
    await newHostProcess(connection, name, { host: 'second', pool: { size: 1 } });
    const cluster = newCluster(connection, name);
    const settled: string[] = [];
    cluster.on('taskSettled', ({ id }) => settled.push(id));
    const batch = cluster.starmap('mark', itemsOf(file, 100)).settled();
    await until('it is at work', () => startsIn(file).size >= 12);
    first.signal('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 3 * LOCK_MS));
    first.signal('SIGCONT');
    const outcomes = await batch;
    const lost = outcomes.filter(({ status }) => status === 'rejected');
    expect(lost.length).toBeLessThanOrEqual(3);
    for (const each of lost) expect(each).toMatchObject({ reason: { code: 'ERR_EVERPOOL_HOST_LOST', why: 'silent' } });
    expect(startedAgain(file)).toEqual([]);
    // Its late results were refused: nothing settles twice, and it works on.
    const before = first.events.filter(({ event }) => event === 'taskTaken').length;
    expect(
      await cluster.starmap(
        'mark',
        itemsOf(file, 50).map(([, each, ms]): [string, string, number] => [file, `m-${each}`, ms]),
      ),
    ).toHaveLength(COUNT);
    expect(first.events.filter(({ event }) => event === 'taskTaken').length).toBeGreaterThan(before);
    expect(settled.length).toBe(2 * COUNT);
    expect(new Set(settled).size).toBe(2 * COUNT);
    expect(cluster.state).toBe('open');
  });

  test('a host that is cut off in mid-batch has ended its tasks before they start elsewhere (C3, C4, C8, C9)', async () => {
    const connection = server.connection();
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const proxy = await newProxy();
    const first = await newHostProcess(through(proxy, connection), name, { host: 'first', pool: { size: 2 } });
    const cluster = newCluster(connection, name);
    // Longer than a lock, so that they are cut off in the middle.
    const long = ['long-1', 'long-2'].map((each) => cluster.run('beat', [file, each, 1.5 * LOCK_MS], { retries: { crash: 1 } }));
    await until('both run', () => startsIn(file).size === 2);
    proxy.darken();
    await newHostProcess(connection, name, { host: 'second', pool: { size: 2 } });
    const darkAt = Date.now();
    expect(await Promise.all(long)).toEqual(['long-1', 'long-2']);
    for (const each of ['long-1', 'long-2']) {
      const lines = ledgerOf(file).filter((line) => line.name === each);
      const [one, other] = lines.filter(({ what }) => what === 'start') as [Line, Line];
      expect(lines.filter(({ what }) => what === 'start').length).toBe(2);
      expect(lines.findLast(({ pid }) => pid === one.pid)?.at).toBeLessThanOrEqual(other.at);
      expect(other.at - darkAt).toBeLessThan(LOCK_MS + 2 * CHECK_MS + 10_000);
    }
    expect(first.has('fenced')).toBe(true);
    // What it had asked for in the dark is answered now: it loses none of these, and works on.
    const before = first.events.filter(({ event }) => event === 'taskTaken').length;
    proxy.lighten();
    expect(await cluster.starmap('mark', itemsOf(file, 20))).toHaveLength(COUNT);
    expect(first.events.filter(({ event }) => event === 'taskTaken').length).toBeGreaterThan(before);
    expect(startsIn(file).get('long-1')).toBe(2);
  });

  test('a client that is cut off has all results when it is back (C1, C11)', async () => {
    const connection = server.connection();
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const proxy = await newProxy();
    await newHostProcess(connection, name, { pool: { size: 2 } });
    const cluster = newCluster(through(proxy, connection), name);
    const batch = cluster.starmap('mark', itemsOf(file, 20)).settled();
    await until('it is at work', () => startsIn(file).size >= 6);
    proxy.darken();
    await until('all is done meanwhile', () => startsIn(file).size === COUNT);
    const late = cluster.run('mark', [file, 'late']);
    proxy.lighten();
    expect(await batch).toEqual(itemsOf(file, 0).map(([, value]) => ({ status: 'fulfilled', value })));
    expect(await late).toBe('late');
    expect(startedAgain(file)).toEqual([]);
  });
});
