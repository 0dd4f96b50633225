import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ResultLostError, StoreError } from '../../../../src/cluster/errors.js';
import { writeEnd, writeProgress } from '../../../../src/cluster/wire/messages.js';
import { Seals } from '../../../../src/cluster/wire/seal.js';
import { toText } from '../../../../src/cluster/wire/text.js';
import { encode } from '../../../../src/ipc/codec/codec.js';
import {
  OptionsError,
  PoolClosedError,
  QueueFullError,
  SerializationError,
  TaskCancelledError,
  TaskTimeoutError,
} from '../../../../src/shared/errors.js';
import { Refused } from '../../../simulation/cluster/sim-queue.js';
import { type AnyCluster, seen, TestWorld } from './kit.js';

const LOST = { latencyMs: 0, loseCall: 0, loseAnswer: 0, loseEvent: 1, doubleEvent: 0, lateEvent: 0, lateMs: 0 };

describe('a task of a cluster', () => {
  it('is a promise of its result, with the states of a task of a pool', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const task = cluster.run('add', [1, 2], { tag: 'sums' });
    expect(task).toBeInstanceOf(Promise);
    expect(task.then(() => 0).constructor).toBe(Promise);
    expect([task.id, task.name, task.tag, task.state]).toEqual([expect.stringMatching(/^t-c1-\d+$/), 'add', 'sums', 'queued']);
    expect(inspect(task)).toBe(`ClusterTask ${task.id} 'add' { queued, tag 'sums' }`);
    await world.run(10);
    const job = world.take();
    expect(world.argsOf(job)).toEqual([1, 2]);
    await world.run(10);
    expect(task.state).toBe('running');
    await expect(task.started).resolves.toEqual({ startedAt: expect.any(Number) });
    world.finish(job, 'value', 3);
    await world.run(10);
    expect(task.state).toBe('succeeded');
    await expect(task).resolves.toBe(3);
    await world.run(100);
    expect(world.clock.holds).toBe(0);
    expect(world.queue.jobs.size).toBe(0); // a read result leaves the store
  });

  it('rejects with what the task threw, and shows who submitted it', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const task = seen(cluster.run('fails'));
    await world.run(10);
    world.finish(world.take(), 'thrown', new RangeError('too far'));
    await world.run(10);
    expect(task.error).toBeInstanceOf(RangeError);
    expect((task.error as Error).stack).toMatch(/at everpool task t-c1-\d+ \(fails\), submitted:\n.*tasks\.test\.ts/);
  });

  it('is found by the sweep if every event is lost', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    store.faults = LOST;
    const task = seen(cluster.run('add'));
    await world.run(10);
    world.finish(world.take(), 'value', 3);
    await world.run(1900);
    expect(task.isSettled).toBe(false);
    await world.run(200);
    expect(task.value).toBe(3);
    expect(await Promise.race([cluster.stats(), world.run(10)])).toBeDefined();
  });

  it('counts how results came', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    const first = seen(cluster.run('add'));
    await world.run(10);
    world.finish(world.take(), 'value', 3);
    await world.run(10);
    store.faults = LOST;
    const second = seen(cluster.run('add'));
    await world.run(10);
    world.finish(world.take(), 'value', 3);
    await world.run(2100);
    expect([first.value, second.value]).toEqual([3, 3]);
    const stats = seen(cluster.stats());
    await world.run(10);
    expect(stats.value).toMatchObject({ pending: 0, submitted: 2, succeeded: 2, byEvent: 1, bySweep: 1, hosts: [{ slots: 2 }] });
  });

  it('is settled by no event that is not sealed', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    const task = cluster.run('add');
    const result = seen(task);
    await world.run(10);
    const { id } = task;
    const job = world.take();
    const forged = new Seals(['another']);
    for (const outcome of [world.outcome(id, 'value', 'forged', forged), world.outcome('other', 'value', 'forged'), '{', null, 7]) {
      store.deliver({ kind: 'completed', id, outcome }, 0);
      store.deliver({ kind: 'failed', id, reason: outcome }, 0);
    }
    store.deliver({ kind: 'removed', id }, 0);
    store.deliver({ kind: 'ended', message: writeEnd('ended', { id, how: 'kill', reason: '' }, forged) }, 0);
    store.deliver({ kind: 'ended', message: writeEnd('end', { id, how: 'kill', reason: '' }, world.seals) }, 0);
    await world.run(3000);
    expect(result.isSettled).toBe(false);
    world.finish(job, 'value', 'right');
    await world.run(10);
    expect(result.value).toBe('right');
  });

  it('does not wait for ever if the store has an outcome that is not sealed', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const task = seen(cluster.run('add'));
    await world.run(10);
    const job = world.take();
    world.queue.report(job.id, 'token', 'completed', world.outcome(job.id, 'value', 'forged', new Seals(['another'])));
    await world.run(3000);
    expect(task.error).toBeInstanceOf(ResultLostError);
    expect((task.error as Error).message).toContain('not sealed');
  });

  it('fetches a result in pieces, and is lost if they are not there', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const [first, second] = [seen(cluster.run('large')), seen(cluster.run('large'))];
    await world.run(10);
    const [one, two] = [world.take(), world.take()];
    world.finishInPieces(one, 'x'.repeat(3_000_000));
    world.finishInPieces(two, 'x'.repeat(3_000_000), false);
    await world.run(5000);
    expect((first.value as string).length).toBe(3_000_000);
    expect(second.error).toBeInstanceOf(ResultLostError);
  });

  it('is lost when the store misses it twice', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const task = cluster.run('add');
    const result = seen(task);
    await world.run(10);
    world.queue.removeByOperator(task.id);
    await world.run(400);
    expect(result.isSettled).toBe(false);
    await world.run(400);
    expect(result.error).toBeInstanceOf(ResultLostError);
    expect((result.error as ResultLostError).code).toBe('ERR_EVERPOOL_RESULT_LOST');
  });

  it('is not lost if the reason of its end arrives after its removal', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    const task = cluster.run('add');
    const result = seen(task);
    await world.run(10);
    world.queue.remove(task.id);
    store.deliver({ kind: 'ended', message: writeEnd('ended', { id: task.id, how: 'kill', reason: 'j"late"' }, world.seals) }, 300);
    await world.run(250);
    expect(result.isSettled).toBe(false);
    await world.run(1000);
    expect(result.error).toMatchObject({ code: 'ERR_EVERPOOL_CANCELLED', reason: 'late' });
  });

  it('reports progress in order, to a callback that may throw', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    const values: unknown[] = [];
    const onProgress = (value: unknown): void => {
      values.push(value);
      if (value === 'b') throw new Error('of the program');
    };
    const warnings: Error[] = [];
    process.on('warning', (warning) => warnings.push(warning));
    const task = cluster.run('add', [], { onProgress });
    await world.run(10);
    const send = (attempt: number, count: number, value: unknown): void =>
      store.deliver(
        { kind: 'progress', id: task.id, message: writeProgress(task.id, { attempt, count, value: toText(encode(value)) }, world.seals) },
        0,
      );
    send(1, 1, 'a');
    send(1, 3, 'b');
    send(1, 2, 'late');
    send(1, 3, 'doubled');
    send(2, 1, 'c');
    store.deliver({ kind: 'progress', id: task.id, message: '[3,1,"j1",""]' }, 0);
    await world.run(10);
    expect(values).toEqual(['a', 'b', 'c']);
    await world.run(10);
    expect(warnings.map(({ message }) => message)).toContain('of the program');
    process.removeAllListeners('warning');
    void cluster.terminate();
    world.queue.jobs.clear();
    await world.run(20_000);
  });
});

describe('the submission of a task', () => {
  it('everything of a tick goes out in one call, in order, at most 500 at a time', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    const added: number[] = [];
    store.onCall = (method, [tasks]) => {
      if (method === 'add') added.push((tasks as unknown[]).length);
      return undefined;
    };
    for (let each = 0; each < 1100; each += 1) void cluster.run('add', [each]);
    await world.run(10);
    expect(added).toEqual([500, 500, 100]);
    expect([...world.queue.jobs.values()].map((job) => (world.argsOf(job) as number[])[0])).toEqual(
      Array.from({ length: 1100 }, (_, i) => i),
    );
  });

  it('a call is bounded in bytes', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    const added: number[] = [];
    store.onCall = (method, [tasks]) => {
      if (method === 'add') added.push((tasks as unknown[]).length);
      return undefined;
    };
    for (let each = 0; each < 5; each += 1) void cluster.run('add', ['x'.repeat(2_000_000)]);
    await world.run(10);
    expect(Math.max(...added)).toBeLessThanOrEqual(2);
    expect(added.reduce((sum, each) => sum + each)).toBe(5);
  });

  it('is repeated with the same ids until it is answered', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    store.faults = { ...LOST, loseEvent: 0, loseAnswer: 1 };
    const task = seen(cluster.run('add'));
    await world.run(1000);
    expect(world.queue.jobs.size).toBe(1);
    const job = world.take();
    world.finish(job, 'value', 1); // it is finished before its client knows that it was stored
    await world.run(2000);
    expect(task.isSettled).toBe(false);
    expect(world.queue.jobs.size).toBe(1);
    store.faults = { ...LOST, loseEvent: 0 };
    await world.run(2000);
    expect(task.value).toBe(1);
    expect(world.queue.jobs.size).toBe(0);
  });

  it('a task that the store refuses fails alone', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    world.queue.isRefused = ({ name }) => name === 'bad';
    const tasks = ['good', 'bad', 'good'].map((name) => seen(cluster.run(name)));
    await world.run(10);
    expect(world.queue.jobs.size).toBe(2);
    expect(tasks.map(({ error }) => error)).toEqual([undefined, expect.any(StoreError), undefined]);
    expect((tasks[1] as { error: StoreError }).error.cause).toBeInstanceOf(Refused);
  });

  it('nothing is thrown for a store that is away; queueTimeoutMs bounds the wait', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    for (const isSilent of [false, true]) {
      store.isAway = true;
      store.isSilent = isSilent;
      const tasks = [seen(cluster.run('add', [], { queueTimeoutMs: 1000 })), seen(cluster.run('add', [], { queueTimeoutMs: 1000 }))];
      await world.run(10);
      const later = seen(cluster.run('add', [], { queueTimeoutMs: 1000 }));
      await world.run(1100);
      for (const { error } of [...tasks, later]) {
        expect(error).toBeInstanceOf(TaskTimeoutError);
        expect((error as TaskTimeoutError).kind).toBe('queue');
      }
      store.recover();
      await world.run(3000);
      expect(world.queue.jobs.size).toBe(0); // and it never starts
    }
  });

  it('a queue timeout ends no task that a host has taken', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    store.faults = LOST;
    const task = seen(cluster.run('add', [], { queueTimeoutMs: 1000 }));
    await world.run(10);
    const job = world.take();
    await world.run(1500);
    expect(task.isSettled).toBe(false);
    world.finish(job, 'value', 4);
    await world.run(3000);
    expect(task.value).toBe(4);
  });

  it('names and tags may hold anything', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const odd = 'a\0b\ud800c';
    void cluster.run(odd, [odd], { tag: odd });
    await world.run(10);
    const job = world.take();
    expect(JSON.stringify(job.data)).not.toMatch(/[\0\ud800]/);
    expect(JSON.parse(job.data.head)).toMatchObject({ name: odd, tag: odd });
    expect(world.argsOf(job)).toEqual([odd]);
  });

  it('delays are evaluated before it is sent', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    void cluster.run('add', [], { retries: { crash: 2, error: 1, delayMs: (attempt) => (attempt === 2 ? Number.NaN : attempt * 10) } });
    void cluster.run('add', [], { retries: { crash: 2, delayMs: 7 } });
    await world.run(10);
    expect(JSON.parse(world.take().data.head)).toMatchObject({ delaysMs: [10, 0, 30] });
    expect(JSON.parse(world.take().data.head)).toMatchObject({ delaysMs: [7] });
  });

  it('is refused as by a pool', async () => {
    const world = new TestWorld();
    const { cluster } = world.client({ pendingLimit: 1, payloadLimit: 100 });
    expect(() => cluster.run('add', [], { priority: 0.5 })).toThrow(OptionsError);
    expect(() => cluster.run('add', [], { priority: 1_000_000 })).toThrow(OptionsError);
    expect(() => cluster.run('')).toThrow(OptionsError);
    await expect(cluster.run('add', ['x'.repeat(200)])).rejects.toMatchObject({ side: 'arguments', code: 'ERR_EVERPOOL_SERIALIZATION' });
    await expect(cluster.run('add', [() => 0])).rejects.toBeInstanceOf(SerializationError);
    const reason = new Error('stop');
    const aborted = cluster.run('add', [], { signal: AbortSignal.abort(reason) });
    expect(aborted.state).toBe('cancelled');
    await expect(aborted).rejects.toBe(reason);
    void cluster.run('add').catch(() => undefined);
    await expect(cluster.run('add')).rejects.toBeInstanceOf(QueueFullError);
    const closed = seen(cluster.terminate());
    await world.run(10);
    expect(closed.isSettled).toBe(true);
    await expect(cluster.run('add')).rejects.toBeInstanceOf(PoolClosedError);
    const refused = cluster.run('add');
    expect([refused.id, refused.state]).toEqual(['', 'failed']);
    await expect(refused.started).rejects.toBeInstanceOf(PoolClosedError);
    await expect(refused).rejects.toBeInstanceOf(PoolClosedError);
  });
});

describe('cancel, kill and end', () => {
  it('a task that was not sent settles at once', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const task = cluster.run('add');
    const reason = { why: 'no need' };
    await task.cancel(reason);
    expect(task.state).toBe('cancelled');
    await expect(task).rejects.toMatchObject({ code: 'ERR_EVERPOOL_CANCELLED', reason, forced: false });
    await world.run(100);
    expect(world.queue.ledger.stored.size).toBe(0);
  });

  it('a task that is being sent is cancelled when that is answered', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client();
    store.isAway = true;
    store.isSilent = true;
    const task = cluster.run('add');
    await world.run(10);
    const cancelled = seen(task.cancel());
    await world.run(1000);
    expect(cancelled.isSettled).toBe(false);
    store.recover();
    await world.run(100);
    expect(cancelled.isSettled).toBe(true);
    expect(task.state).toBe('cancelled');
    expect(world.queue.jobs.size).toBe(0);
  });

  it('a task in the store is removed, and never starts', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const task = cluster.run('add');
    await world.run(10);
    const cancelled = seen(task.cancel('no need'));
    await world.run(10);
    expect(cancelled.isSettled).toBe(true);
    expect(world.queue.jobs.size).toBe(0);
    await expect(task).rejects.toBeInstanceOf(TaskCancelledError);
  });

  it('a host that has the task is asked until the task has ended', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const task = cluster.run('add');
    const result = seen(task);
    await world.run(10);
    const job = world.take();
    const killed = seen(task.kill('too slow'));
    await world.run(3000);
    expect(world.ends.length).toBeGreaterThanOrEqual(3);
    expect(killed.isSettled).toBe(false);
    world.finish(job, 'cancelled', new TaskCancelledError('x', { reason: 'too slow', forced: true }));
    await world.run(100);
    expect(killed.isSettled).toBe(true);
    expect(result.error).toMatchObject({ reason: 'too slow' });
    expect((result.error as Error).message).toContain('too slow');
  });

  it('a signal rejects with its own reason', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const controller = new AbortController();
    const task = seen(cluster.run('add', [], { signal: controller.signal }));
    await world.run(10);
    const reason = new Error('stop');
    controller.abort(reason);
    await world.run(10);
    expect(task.error).toBe(reason);
  });

  it('any client ends a task by its id, and its owner learns the reason', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const other = world.client().cluster;
    const task = cluster.run('add');
    const result = seen(task);
    await world.run(10);
    const ended = seen(other.end(task.id, { reason: 'by another' }));
    await world.run(1000);
    expect(ended.isSettled).toBe(true);
    expect(result.error).toBeInstanceOf(TaskCancelledError);
    expect(result.error).toMatchObject({ reason: 'by another' });
    const again = seen(other.end(task.id));
    await world.run(10);
    expect(again.isSettled).toBe(true); // it had ended
  });

  it('end rejects if the host obeys only clients with another secret', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const [queued, running] = [cluster.run('add', [], { priority: -1 }), cluster.run('add')];
    const result = seen(queued);
    await world.run(10);
    world.take();
    const strangers = [world.client({ secret: 'another' }).cluster, world.client({ secret: undefined }).cluster];
    const ends = strangers.map((stranger) => seen(stranger.end(running.id)));
    const killed = seen((strangers[0] as AnyCluster).killTasks({ everywhere: true }));
    await world.run(9000);
    expect(ends.map(({ isSettled }) => isSettled)).toEqual([false, false]); // it may take its time
    expect(result.isSettled).toBe(true); // no secret is needed to remove what waits
    await world.run(5000);
    for (const { error } of [...ends, killed]) {
      expect(error).toBeInstanceOf(OptionsError);
      expect(error).toMatchObject({ message: expect.stringContaining(`secret: task ${running.id} still runs after 10000 ms`) });
    }
  });

  it('end waits for a host that takes its time, if its client has the secret', async () => {
    const world = new TestWorld();
    const task = world.client({ secret: 'new' }).cluster.run('add');
    void seen(task);
    await world.run(10);
    const job = world.take();
    const ended = seen(world.client({ secret: ['newer', 'new'] }).cluster.end(task.id));
    await world.run(30_000);
    expect(ended.isSettled).toBe(false);
    world.finish(job, 'value', 1);
    await world.run(3000);
    expect(ended).toEqual({ value: undefined, isSettled: true });
  });

  it('killTasks kills by tag, and everywhere those of all clients', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const other = world.client().cluster;
    const own = seen(cluster.run('add', [], { tag: 'a' }));
    const kept = seen(cluster.run('add', [], { tag: 'b' }));
    const others = seen(other.run('add', [], { tag: 'a' }));
    await world.run(10);
    const killed = seen(cluster.killTasks({ tag: 'a', everywhere: true }));
    await world.run(1000);
    expect(killed.value).toBe(2);
    expect([own, others].map(({ error }) => error)).toEqual([expect.any(TaskCancelledError), expect.any(TaskCancelledError)]);
    expect(kept.isSettled).toBe(false);
  });
});

describe('the end of a client', () => {
  it('close waits for what is pending', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const task = seen(cluster.run('add'));
    await world.run(10);
    const closed = seen(cluster.close());
    await world.run(1000);
    expect([cluster.state, closed.isSettled]).toEqual(['closing', false]);
    world.finish(world.take(), 'value', 1);
    await world.run(2000);
    expect([cluster.state, closed.isSettled, task.value, world.queue.jobs.size]).toEqual(['closed', true, 1, 0]);
    expect(world.clock.holds).toBe(0);
  });

  it('terminate with a store that is away settles everything after connectTimeoutMs', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client({ connectTimeoutMs: 3000 });
    const task = seen(cluster.run('add'));
    await world.run(10);
    world.take();
    store.isAway = true;
    store.isSilent = true;
    const closed = seen(cluster.terminate());
    await world.run(2500);
    expect(task.isSettled).toBe(false);
    await world.run(5000);
    expect(task.error).toBeInstanceOf(TaskCancelledError);
    expect(closed.isSettled).toBe(true);
    expect(world.clock.holds).toBe(0);
  });

  it('detach leaves the hosts at work', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const task = seen(cluster.run('add'));
    const detached = seen(cluster.detach());
    await world.run(2000);
    expect(task.error).toBeInstanceOf(PoolClosedError);
    expect(task.error).toMatchObject({ message: "the cluster 'everpool' was detached: the hosts go on with what the store has" });
    expect([detached.isSettled, world.queue.jobs.size, world.ends.length]).toEqual([true, 1, 0]);
  });

  it('errors say how it has ended, also while the store is away', async () => {
    const world = new TestWorld();
    for (const [how, words] of [
      ['detach', 'was detached'],
      ['terminate', 'was terminated'],
    ] as const) {
      const { cluster, store } = world.client({ connectTimeoutMs: 500 });
      store.isAway = true;
      store.isSilent = true;
      const ended = seen(cluster[how]());
      const late = seen(cluster.run('add'));
      await world.run(2000);
      expect(ended.isSettled).toBe(true);
      const message = `the cluster 'everpool' ${words}: it accepts no more tasks`;
      expect(late.error).toMatchObject({ code: 'ERR_EVERPOOL_CLOSED', message });
      await expect(cluster.ready()).rejects.toThrow(`the cluster 'everpool' ${words}`);
    }
  });

  it('ready rejects when the store does not answer', async () => {
    const world = new TestWorld();
    const { cluster, store } = world.client({ connectTimeoutMs: 500 });
    const first = seen(cluster.ready());
    await world.run(10);
    expect(first.isSettled).toBe(true);
    expect(first.error).toBeUndefined();
    store.isAway = true;
    store.isSilent = true;
    const second = seen(cluster.ready());
    await world.run(600);
    expect(second.error).toBeInstanceOf(StoreError);
  });

  it('listeners are called after the change, and what they throw is a warning', async () => {
    const world = new TestWorld();
    const { cluster } = world.client();
    const events: unknown[] = [];
    cluster.on('taskSettled', () => {
      throw new Error('of a listener');
    });
    cluster.on('taskSettled', (payload) => events.push(payload));
    cluster.on('closed', () => events.push('closed'));
    expect(() => cluster.on('nothing' as never, () => undefined)).toThrow(OptionsError);
    const task = cluster.run('add');
    await task.cancel();
    void cluster.close();
    await world.run(2000);
    expect(events).toEqual([{ id: task.id, name: 'add', outcome: 'cancelled', attempts: 0 }, 'closed']);
  });

  it('a signal terminates the client', async () => {
    const world = new TestWorld();
    const controller = new AbortController();
    const { cluster } = world.client({ signal: controller.signal });
    controller.abort();
    await world.run(2000);
    expect(cluster.state).toBe('closed');
  });
});
