/** Somebody who can write to the store: what is malformed or forged harms no task but itself. */
import { join } from 'node:path';
import type { JobJson } from 'bullmq';
import { Cluster, type Connection } from 'everpool/cluster';
import { afterEach, expect, test } from 'vitest';
import { atStore, type ClusterTasks, newCluster, publish, startsIn } from '../../kit/clusters.js';
import { endAll, newClient, newHost, newHostProcess } from '../../kit/hosts.js';
import { isRunning, newFolder, newGate, rejection, until, useKit } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

useKit();
afterEach(endAll);

const head = (more: object = {}): string => JSON.stringify({ name: 'add', at: Date.now(), retries: {}, ...more });
/** The data of jobs that no client of everpool makes. */
const HOSTILE: readonly unknown[] = [
  null,
  [],
  'text',
  17,
  {},
  { v: 2, head: head(), args: 'j[]', seal: '' },
  { v: 1, head: '{', args: 'j[]', seal: '' },
  { v: 1, head: 'null', args: 'j[]', seal: '' },
  { v: 1, head: head({ name: '__proto__' }), args: 'j[]', seal: '' },
  { v: 1, head: head({ name: 'constructor' }), args: 'j[]', seal: '' },
  { v: 1, head: head({ name: 'hasOwnProperty' }), args: 'j[]', seal: '' },
  { v: 1, head: head({ name: '../../etc/passwd' }), args: 'j[]', seal: '' },
  { v: 1, head: head({ timeoutMs: -1 }), args: 'j[]', seal: '' },
  { v: 1, head: head({ timeoutMs: 1e308, retries: { crash: 1e308 } }), args: 'x', seal: '' },
  { v: 1, head: head({ module: '/tmp/evil.js', execArgv: ['--inspect'], env: {} }), args: 'j{}', seal: '' },
  { v: 1, head: '{"__proto__":{"name":"add"},"at":1}', args: 'j[]', seal: '' },
  { v: 1, head: head(), args: 'j{"__proto__":{"length":2}}', seal: '' },
  { v: 1, head: head(), args: 'v////', seal: '' },
  { v: 1, head: head(), args: `v${Buffer.from([0xff, 0x0f, 0x41, 0xff, 0xff, 0xff, 0xff, 0x0f]).toString('base64')}`, seal: '' },
  { v: 1, head: head(), args: `c${'A:'.repeat(10_000)}`, seal: '' },
  { v: 1, head: head(), args: 'j[1', seal: '' },
  { v: 1, head: head(), args: 'j[1,2]', seal: '', past: '999999999999999999,0,0', pastSeal: 3 },
];

forEachStore((server) => {
  async function addRaw(connection: Connection, name: string, id: string, data: unknown, priority = 1): Promise<void> {
    await atStore(connection, name, async (backend) => {
      const job = { id, name: 'raw', data: JSON.stringify(data), opts: { jobId: id, priority, attempts: 1 }, timestamp: Date.now() };
      await backend.addJob(
        { ...job, progress: 0, attemptsMade: 0, delay: 0, stacktrace: '[]', returnvalue: 'null' } as unknown as JobJson,
        id,
      );
    });
  }

  test('hostile jobs fail, and the tasks of others around them give their results (C5, C16)', async () => {
    const connection = server.connection();
    const name = freshName();
    const { store } = await newClient(connection, name);
    const cluster = newCluster(connection, name);
    const before = cluster
      .starmap(
        'add',
        Array.from({ length: 10 }, (_, at): [number, number] => [at, 1]),
      )
      .settled();
    for (const [at, data] of HOSTILE.entries()) await addRaw(connection, name, `h-${at}`, data);
    const host = await newHostProcess(connection, name, { pool: { size: 2 } });
    const after = cluster
      .starmap(
        'add',
        Array.from({ length: 10 }, (_, at): [number, number] => [at, 2]),
      )
      .settled();
    const good = (plus: number): object[] => Array.from({ length: 10 }, (_, at) => ({ status: 'fulfilled', value: at + plus }));
    expect([await before, await after]).toEqual([good(1), good(2)]);
    const ids = HOSTILE.map((_, at) => `h-${at}`);
    await until('all have failed', async () => (await store.statuses(ids)).every(({ state }) => state === 'failed'));
    expect(isRunning(host.pid)).toBe(true);
    expect(await cluster.run('add', [2, 3])).toBe(5);
  });

  test('with a secret: forged tasks, results, progress and cancels are refused (C11, C16)', async () => {
    const connection = server.connection();
    const name = freshName();
    const file = join(newFolder(), 'ledger');
    const { file: gate, open } = newGate();
    const secret = 'the secret';
    const progress: unknown[] = [];
    const host = await newHostProcess(connection, name, { secret: ['newer', secret], pool: { size: 2 } });
    const cluster = new Cluster<ClusterTasks>({ connection, name, secret: [secret, 'newer'], sweepMs: 500 });
    const forger = newCluster(connection, name, { secret: 'another' });
    const unsealed = newCluster(connection, name);
    try {
      const task = cluster.run('spin', [file, 'own', gate], { onProgress: (value) => progress.push(value) });
      const reports = cluster.run('reports', [3], { onProgress: (value) => progress.push(['own', value]) });
      await until('it runs', () => startsIn(file).size === 1);
      // Tasks.
      for (const other of [forger, unsealed]) void other.run('mark', [file, 'forged']).catch(() => undefined);
      await until(
        'they have been refused',
        () => host.events.filter(({ event, outcome }) => event === 'taskGiven' && outcome === 'failed').length === 2,
      );
      // Progress, and results.
      await publish(connection, name, [
        { event: 'progress', jobId: task.id, data: JSON.stringify(JSON.stringify([1, 99, 'j"forged"', ''])) },
        { event: 'progress', jobId: task.id, data: JSON.stringify(JSON.stringify([1, 100, 'j"forged"', 'AAAA'])) },
        {
          event: 'completed',
          jobId: task.id,
          returnvalue: JSON.stringify(JSON.stringify({ k: 'value', t: 'j"forged"', n: 1, m: 1, h: 'h', s: '' })),
        },
      ]);
      // Cancels: neither reaches the host, which would end the task.
      for (const other of [forger, unsealed]) void other.end(task.id).catch(() => undefined);
      await reports;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(startsIn(file).get('own')).toBe(1);
      expect(host.events.some(({ event, id }) => event === 'taskGiven' && id === task.id)).toBe(false);
      await Promise.all([forger.detach(), unsealed.detach()]);
      open();
      expect(await task).toBe('own');
      expect(startsIn(file).has('forged')).toBe(false);
      expect(progress.every((each) => Array.isArray(each) && each[0] === 'own')).toBe(true);

      // A host that does not know the secret.
      await host.ended();
      await newHost(connection, name);
      const victim = cluster.run('add', [1, 2]);
      expect((await rejection(victim))['code']).toBe('ERR_EVERPOOL_RESULT_LOST');
    } finally {
      await cluster.terminate();
    }
  });
});
