/** SIGTERM under load. */
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { newCluster, startedAgain, startsIn } from '../../kit/clusters.js';
import { endAll, newHostProcess } from '../../kit/hosts.js';
import { isRunning, newFolder, newGate, until, useKit } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

useKit();
afterEach(endAll);

const COUNT = 120;

forEachStore((server) => {
  test('hosts that drain one after the other under load: no task is lost, none starts twice (C2, C5, C12)', async () => {
    const connection = server.connection();
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const newHost = (host: string) => newHostProcess(connection, name, { host, pool: { size: 2 } });
    const hosts = await Promise.all(['a', 'b'].map(newHost));
    const cluster = newCluster(connection, name);
    const items = Array.from({ length: COUNT }, (_, at): [string, string, number] => [file, `i-${at}`, 40]);
    const batch = cluster.starmap('mark', items).settled();
    for (const [at, host] of hosts.entries()) {
      await until('it is at work', () => host.has('taskTaken') && startsIn(file).size >= 10 + 20 * at);
      if (at === hosts.length - 1) await newHost('c');
      host.signal('SIGTERM');
      expect(await host.exited).toBe(0);
      expect(host.workers.filter(isRunning)).toEqual([]);
    }
    expect(await batch).toEqual(items.map(([, value]) => ({ status: 'fulfilled', value })));
    expect(startedAgain(file)).toEqual([]);
  });

  test('after drainMs: with retries a task starts elsewhere, without it is lost, what waits is not counted (C2, C3, C12)', async () => {
    const connection = server.connection();
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const { file: gate, open } = newGate();
    const first = await newHostProcess(connection, name, { host: 'first', drainMs: 300, pool: { size: 2 } });
    const cluster = newCluster(connection, name);
    const lost = cluster.run('spin', [file, 'lost', gate]);
    const again = cluster.run('spin', [file, 'again', gate], { retries: { crash: 1 } });
    await until('both run', () => startsIn(file).size === 2);
    const waits = cluster.run('attempt');
    first.signal('SIGTERM');
    await expect(lost).rejects.toMatchObject({ name: 'HostLostError', why: 'drained', host: 'first' });
    expect(await first.exited).toBe(0);
    expect(first.workers.filter(isRunning)).toEqual([]);
    open();
    await newHostProcess(connection, name, { host: 'second', pool: { size: 2 } });
    expect([await again, await waits]).toEqual(['again', 1]);
    expect(Object.fromEntries(startsIn(file))).toEqual({ lost: 1, again: 2 });
  });
});
