/** Hosts that are killed with -9 in mid-batch. The ledger of starts is a file outside of the store. */
import { join } from 'node:path';
import { HostLostError } from 'everpool/cluster';
import { afterEach, describe, expect, test } from 'vitest';
import { newCluster, startedAgain, startsIn } from '../../kit/clusters.js';
import { endAll, type HostProcess, ledgerOf, newClient, newHostProcess } from '../../kit/hosts.js';
import { isRunning, newFolder, until, useKit } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

useKit();
afterEach(endAll);

const COUNT = 200;
const SLOTS = 2;
const [LOCK_MS, CHECK_MS] = [2000, 500];
/** For a machine that has other work. */
const SLACK_MS = 10_000;

forEachStore((server) => {
  const two = (name: string): Promise<HostProcess[]> =>
    Promise.all(['first', 'second'].map((host) => newHostProcess(server.connection(), name, { host, pool: { size: SLOTS } })));
  const items = (file: string): [string, string, number][] =>
    Array.from({ length: COUNT }, (_, at) => [file, `i-${at}`, 20] as [string, string, number]);
  const names = Array.from({ length: COUNT }, (_, at) => `i-${at}`);

  describe('one of two hosts is killed in mid-batch', () => {
    test('with retries: every task settles with its value, and only those that it had start twice (C1, C3, C5, C9, G8)', async () => {
      const name = freshName();
      const file = join(newFolder(), 'ledger');
      const [first] = (await two(name)) as [HostProcess, HostProcess];
      const cluster = newCluster(server.connection(), name);
      const batch = cluster.starmap('mark', items(file), { retries: { crash: 1 } }).settled();
      await until('it is at work', () => startsIn(file).size >= 40);
      first.signal('SIGKILL');
      const killedAt = Date.now();
      const outcomes = await batch;
      expect(outcomes).toEqual(names.map((value) => ({ status: 'fulfilled', value })));
      expect(startedAgain(file).length).toBeLessThanOrEqual(SLOTS);
      expect(Math.max(...startsIn(file).values())).toBeLessThanOrEqual(2);
      expect(startsIn(file).size).toBe(COUNT);
      const late = ledgerOf(file).filter(({ what, at }) => what === 'start' && at > killedAt + LOCK_MS + 2 * CHECK_MS + SLACK_MS);
      expect(late).toEqual([]);
      expect(await cluster.stats()).toMatchObject({ pending: 0, submitted: COUNT, succeeded: COUNT, failed: 0 });
      await until('no worker of it is left', () => !first.workers.some(isRunning));
    });

    test('without retries: none starts twice, and only those that it had are lost (C1, C2, C5)', async () => {
      const name = freshName();
      const file = join(newFolder(), 'ledger');
      const [first] = (await two(name)) as [HostProcess, HostProcess];
      const cluster = newCluster(server.connection(), name);
      const batch = cluster.starmap('mark', items(file)).settled();
      await until('it is at work', () => startsIn(file).size >= 40);
      first.signal('SIGKILL');
      const outcomes = await batch;
      expect(outcomes.length).toBe(COUNT);
      expect(startedAgain(file)).toEqual([]);
      const lost = outcomes.filter((each) => each.status === 'rejected').map(({ reason }) => reason as HostLostError);
      expect(lost.length).toBeLessThanOrEqual(SLOTS);
      for (const error of lost) {
        expect(error).toBeInstanceOf(HostLostError);
        expect(error).toMatchObject({ code: 'ERR_EVERPOOL_HOST_LOST', why: 'silent', death: { cause: 'host' } });
      }
      const values = outcomes.flatMap((each, at) => (each.status === 'fulfilled' ? [[each.value, `i-${at}`]] : []));
      expect(values.every(([value, own]) => value === own)).toBe(true);
      expect(await cluster.stats()).toMatchObject({ submitted: COUNT, succeeded: COUNT - lost.length, failed: lost.length });
    });
  });

  test('all hosts are killed: the tasks wait, and a new host goes on (C1, C2, C3)', async () => {
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const hosts = await two(name);
    const cluster = newCluster(server.connection(), name);
    const safe = cluster.starmap('mark', items(file).slice(0, 30), { retries: { crash: 1 } }).settled();
    const once = cluster.starmap('mark', items(file).slice(30, 60)).settled();
    await until('it is at work', () => startsIn(file).size >= 10);
    for (const host of hosts) host.signal('SIGKILL');
    await Promise.all(hosts.map((host) => host.exited));
    const store = await newClient(server.connection(), name);
    expect((await store.store.counts()).queued).toBeGreaterThan(0);
    await newHostProcess(server.connection(), name, { host: 'third', pool: { size: SLOTS } });
    expect(await safe).toEqual(names.slice(0, 30).map((value) => ({ status: 'fulfilled', value })));
    const lost = (await once).filter(({ status }) => status === 'rejected');
    expect(lost.length).toBeLessThanOrEqual(2 * SLOTS);
    const twice = startedAgain(file);
    expect(twice.length).toBeLessThanOrEqual(2 * SLOTS);
    expect(twice.filter((each) => names.indexOf(each) >= 30)).toEqual([]);
  });

  test('a task that kills its worker and its hosts in turn starts exactly 1 + n times (C3)', async () => {
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const cluster = newCluster(server.connection(), name);
    const hosts = await Promise.all([1, 2, 3].map((at) => newHostProcess(server.connection(), name, { host: `h-${at}`, lockMs: 1000 })));
    const task = cluster.run('poisonForBoth', [file, 'poison'], { retries: { crash: 4 } });
    await expect(task).rejects.toMatchObject({ code: 'ERR_EVERPOOL_WORKER_DIED' });
    expect(startsIn(file).get('poison')).toBe(5);
    expect(hosts.filter(({ pid }) => isRunning(pid)).length).toBe(1);
    // The last one works on.
    expect(await cluster.run('add', [1, 2])).toBe(3);
  });
});
