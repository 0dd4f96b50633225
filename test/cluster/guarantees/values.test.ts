/** Values and errors that go through the store, and the same program on one machine and on many. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Executor, Pool } from 'everpool';
import { afterEach, describe, expect, test } from 'vitest';
import { type ClusterTasks, newCluster, startsIn } from '../../kit/clusters.js';
import { endAll, newHost, newHostProcess } from '../../kit/hosts.js';
import { fixture, newFolder, rejection, until, useKit } from '../../kit/pools.js';
import { forEachStore, freshName } from '../../kit/stores.js';

useKit();
afterEach(endAll);

const MIB = 1_048_576;
const module = fixture('cluster/tasks.js');

/** What a program sees of its tasks: values, errors, progress, batches. */
async function program(executor: Executor<ClusterTasks>): Promise<Record<string, unknown>> {
  const progress: unknown[] = [];
  const reports = executor.run('reports', [3], { onProgress: (value) => progress.push(value) });
  const batch = executor.starmap('add', [
    [1, 2],
    [3, 4],
  ]);
  const seen: Record<string, unknown> = {
    add: await executor.tasks.add(1, 2),
    odd: await executor.run('returnsOdd', [{ a: [new Map([[1, new Set([undefined])]])] }]),
    map: await executor.map('echo', ['a', 'b', 'c']),
    starmap: await batch.settled(),
    thrown: await seenOf(executor.run('throwsOdd', ['E_ODD'])),
    many: await seenOf(executor.run('throwsMany', [])),
    unknown: await seenOf(executor.run('constructor' as 'add', [1, 2])),
    unclonable: await seenOf(executor.run('echo', [() => undefined])),
    cancelled: await cancelled(executor),
    attempts: await executor.run('attempt', []),
  };
  await reports;
  seen['progress'] = progress.every((value, at) => at === 0 || Number(value) > Number(progress[at - 1]));
  return seen;
}

async function seenOf(promise: PromiseLike<unknown>): Promise<unknown> {
  const error = await rejection(promise);
  const { name, message, stack, cause, ...own } = error;
  const frames = String(error.stack)
    .split('\n')
    .filter((line) => /tasks\.js|values\.test\.ts/.test(line))
    .map((line) => /(tasks\.js|values\.test\.ts)/.exec(line)?.[0]);
  return {
    class: Object.getPrototypeOf(error)?.constructor?.name,
    name: error.name,
    message: error.message.replace(/task t?-?[\w-]+ \(/, 'task ('),
    cause:
      error.cause instanceof Error
        ? { class: error.cause.constructor.name, message: error.cause.message, cause: error.cause.cause }
        : error.cause,
    errors: Array.isArray(error['errors']) ? (error['errors'] as unknown[]).map(String) : undefined,
    own: Object.keys(own).sort(),
    values: [own['code'], own['at'], own['list'], own['reason'], own['side']],
    frames: [...new Set(frames)],
    used: [typeof name, typeof message, typeof stack, typeof cause],
  };
}

async function cancelled(executor: Executor<ClusterTasks>): Promise<unknown> {
  const file = join(newFolder(), 'ledger');
  const task = executor.run('mark', [file, 'x', 60_000]);
  const seen = seenOf(task);
  // In a cluster, `started` says that a host has taken it.
  await until('it runs', () => startsIn(file).has('x'));
  await task.kill('enough');
  return seen;
}

forEachStore((server) => {
  test('one program sees the same in a pool and in a cluster: values, errors with class, code, cause and frames (C15)', async () => {
    const connection = server.connection();
    const name = freshName();
    await newHostProcess(connection, name, { pool: { size: 2 } });
    const cluster = newCluster(connection, name);
    const pool = new Pool<ClusterTasks>({ module, size: 2 });
    try {
      const [there, here] = [await program(cluster), await program(pool)];
      expect(there).toEqual(here);
      expect(here['thrown']).toMatchObject({
        class: 'RangeError',
        message: 'it is odd',
        cause: { class: 'TypeError', message: 'the cause', cause: new Map([['deep', 1n]]) },
        values: ['E_ODD', new Date(0), [1, new Set([2])], undefined, undefined],
        frames: ['tasks.js', 'values.test.ts'],
      });
      await cluster.close();
    } finally {
      await pool.close();
    }
  });

  describe('payloadLimit', () => {
    test('raised: values of 10 MiB go there and back (C15)', async () => {
      const connection = server.connection();
      const name = freshName();
      const payloadLimit = 16 * MIB;
      await newHost(connection, name, { payloadLimit, lockMs: 60_000 });
      const cluster = newCluster(connection, name, { payloadLimit });
      const bytes = Buffer.alloc(10 * MIB, 'everpool');
      const digest = createHash('sha256').update(bytes).digest('hex');
      const [sent, received] = [await cluster.run('digest', [bytes]), await cluster.run('bytes', [10 * MIB])];
      expect(sent).toBe(digest);
      expect(createHash('sha256').update(received).digest('hex')).toBe(digest);
    });

    test('what is above is refused, there and back, and harms no other task (C5, C15)', async () => {
      const connection = server.connection();
      const name = freshName();
      await newHost(connection, name, { payloadLimit: MIB });
      const cluster = newCluster(connection, name, { payloadLimit: 2 * MIB });
      const ends = await Promise.allSettled([
        cluster.run('echo', ['x'.repeat(3 * MIB)]),
        cluster.run('echo', ['x'.repeat(1.5 * MIB)]),
        cluster.run('big', [3 * MIB]),
        cluster.run('add', [1, 2]),
      ]);
      const side = (which: string): object => ({ status: 'rejected', reason: { code: 'ERR_EVERPOOL_SERIALIZATION', side: which } });
      expect(ends).toMatchObject([side('arguments'), side('arguments'), side('result'), { status: 'fulfilled', value: 3 }]);
    });
  });

  test('two versions of a task module under two names: each gets its own tasks only', async () => {
    const connection = server.connection();
    const name = freshName();
    await newHost(connection, `${name}@1`);
    await newHost(connection, `${name}@2`, {}, fixture('cluster/tasks-2.js'));
    const one = newCluster(connection, `${name}@1`);
    const two = newCluster(connection, `${name}@2`);
    const items = Array.from({ length: 20 }, (_, at) => at);
    const [sums, texts] = await Promise.all([
      one.starmap(
        'add',
        items.map((a): [number, number] => [a, 1]),
      ),
      two.map(
        'add' as 'echo',
        items.map((a) => ({ a, b: 1 })),
      ),
    ]);
    expect(sums).toEqual(items.map((a) => a + 1));
    expect(texts).toEqual(items.map((a) => `${a}+1`));
    expect((await one.hosts()).length).toBe(1);
  });
});
