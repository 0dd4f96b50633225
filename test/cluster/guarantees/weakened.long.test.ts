/**
 * The same faults on an everpool that lacks one protection: each does the harm that the protection
 * prevents, so that the tests of this folder are known to see it.
 */
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { newClientProcess, newCluster, removeEvents, startedAgain, startsIn, type Weakening, weakened } from '../../kit/clusters.js';
import { endAll, type Line, ledgerOf, newClient, newHostProcess, starts } from '../../kit/hosts.js';
import { isRunning, newFolder, newGate, until, useKit } from '../../kit/pools.js';
import { type StoreProxy, startProxy, through } from '../../kit/proxy.js';
import { forEachStore, freshName } from '../../kit/stores.js';

const proxies: StoreProxy[] = [];

async function end(): Promise<void> {
  for (const proxy of proxies) proxy.lighten();
  await endAll();
  for (const proxy of proxies.splice(0)) proxy.close();
}

const FENCE: Weakening = {
  file: 'host/fence.js',
  find: 'const at = from + this.#periodMs;',
  replace: 'const at = from + 1e9;',
};
const SWEEP: Weakening = {
  file: 'client/sweep.js',
  find: '#run() {',
  replace: '#run() { return undefined; } async unused() {',
};
const REPEAT: Weakening = {
  file: 'store/host-worker.js',
  find: 'if ($performance_now() >= until)',
  replace: 'if (true)',
};
const MARK: Weakening = {
  file: 'client/named-submitter.js',
  find: 'if (top > this.#known.mark)',
  replace: 'if (false)',
};
const DECISION: Weakening = {
  file: 'host/retry-policy.js',
  find: "return 'silent';",
  replace: 'return undefined;',
};

forEachStore((server) => {
  // First, and without the check of the kit: the store that is started again is a new child.
  describe('without', () => {
    afterEach(end);

    // A client of Redis itself repeats what was not answered, so no harm is seen there.
    test.runIf(server.kind === 'postgres')(
      'the repeat of reports, a task that has finished is lost when the store restarts (C10)',
      async () => {
        const connection = server.connection();
        const name = freshName();
        const file = join(newFolder(), 'ledger');
        const { host } = weakened(REPEAT);
        await newHostProcess(connection, name, { pool: { size: 4 }, lockMs: 4000 }, host);
        const cluster = newCluster(connection, name);
        const batch = cluster.starmap(
          'mark',
          Array.from({ length: 4 }, (_, at): [string, string, number] => [file, `i-${at}`, 1000]),
        );
        const outcomes = batch.settled();
        await until('all run', () => startsIn(file).size === 4);
        await server.kill();
        await until('all have finished', () => ledgerOf(file).filter(({ what }) => what === 'end').length === 4);
        await new Promise((resolve) => setTimeout(resolve, 500));
        await server.restart();
        const lost = (await outcomes).filter(({ status }) => status === 'rejected');
        expect(lost.length).toBeGreaterThan(0);
        expect(startedAgain(file)).toEqual([]);
      },
    );
  });

  describe('without', () => {
    useKit();
    afterEach(end);

    test('the fence, a task runs on beside its second start (C8)', async () => {
      const connection = server.connection();
      const name = freshName();
      const file = join(newFolder(), 'ledger');
      const proxy = await startProxy(server.port);
      proxies.push(proxy);
      const first = await newHostProcess(through(proxy, connection), name, { host: 'first' }, weakened(FENCE).host);
      const cluster = newCluster(connection, name);
      const task = cluster.run('beat', [file, 'it', 12_000], { retries: { crash: 1 } });
      await until('it runs', () => starts(file, 'it') === 1);
      await newHostProcess(connection, name, { host: 'second' });
      proxy.darken();
      await until('it runs elsewhere', () => starts(file, 'it') === 2);
      const [one, other] = ledgerOf(file).filter(({ what }) => what === 'start') as [Line, Line];
      await until('it still runs here', () => ledgerOf(file).some(({ pid, at }) => pid === one.pid && at > other.at + 500), 10_000);
      expect(first.has('fenced')).toBe(false);
      await task.kill();
      await task.catch(() => undefined);
    });

    test('the sweep, results whose events are lost never come (C11)', async () => {
      const connection = server.connection();
      const name = freshName();
      const file = join(newFolder(), 'ledger');
      const { store } = await newClient(connection, name);
      const program = weakened(SWEEP).client;
      const client = newClientProcess(connection, name, { name: 'mark', count: 40, args: [file, 'i-%'] }, { program });
      await until('all are in the store', async () => (await store.counts()).queued === 40);
      client.signal('SIGSTOP');
      await newHostProcess(connection, name, { pool: { size: 2 } });
      await until('all is done', async () => (await store.counts()).kept === 40);
      await removeEvents(connection, name);
      client.signal('SIGCONT');
      await new Promise((resolve) => setTimeout(resolve, 10_000)); // 20 times sweepMs
      expect(isRunning(client.pid)).toBe(true);
      expect(client.outcomes.length).toBeLessThan(40);
      expect(client.has('closed')).toBe(false);
    });

    test('the mark that is written first, attach does not know what a dead client had submitted (C13)', async () => {
      const connection = server.connection();
      const name = freshName();
      const file = join(newFolder(), 'ledger');
      const { store } = await newClient(connection, name);
      const batch = { id: 'nightly', name: 'mark', count: 30, args: [file, 'i-%'], endless: true };
      const client = newClientProcess(connection, name, batch, { program: weakened(MARK).client });
      await until('all are in the store', async () => (await store.counts()).queued === 30);
      client.signal('SIGKILL');
      await client.exited;
      await newHostProcess(connection, name);
      await until('all is done', async () => (await store.counts()).kept === 30);
      expect((await newCluster(connection, name).attach('nightly')).length).toBe(0);
    });

    test('the decision on tasks of silent hosts, a task without retries starts twice (C2)', async () => {
      const connection = server.connection();
      const name = freshName();
      const file = join(newFolder(), 'ledger');
      const { file: gate, open } = newGate();
      const { host } = weakened(DECISION);
      const first = await newHostProcess(connection, name, { host: 'first' }, host);
      const cluster = newCluster(connection, name);
      const task = cluster.run('spin', [file, 'it', gate]);
      await until('it runs', () => starts(file, 'it') === 1);
      first.signal('SIGKILL');
      await newHostProcess(connection, name, { host: 'second' }, host);
      await until('it runs again', () => starts(file, 'it') === 2);
      open();
      expect(await task).toBe('it');
    });
  });
});
