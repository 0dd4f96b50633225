/** A worker dies: the tasks beside it, behind it and on other workers run to their end. */

import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Talks from '../../fixtures/talks-without-end.js';
import { expectUsable, fixture, newGate, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('tasks beside and behind a death', () => {
  useKit();

  test('ten tasks queued behind one whose worker is SIGKILLed run without another call', async () => {
    const pool = newPool({ size: 1 });
    const first = pool.run('never');
    const queued = Array.from({ length: 10 }, (_, index) => pool.run('echo', [index]));
    const error = rejection(first);
    process.kill((await first.started).pid, 'SIGKILL');
    expect(await Promise.all(queued)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await error).toBeInstanceOf(WorkerDiedError);
  });

  test('a task that waits for a worker that dies runs on its replacement', async () => {
    const pool = newPool({ size: 1 });
    const first = pool.run('never');
    const second = pool.run('add', [1, 1]);
    process.kill((await first.started).pid, 'SIGKILL');
    await rejection(first);
    expect(await second).toBe(2);
  });

  test('workers that die while they receive large arguments harm only their own tasks', async () => {
    const pool = newPool({ restart: { intensity: 100 } });
    await pool.ready();
    const big = Buffer.alloc(4 << 20, 1);
    const tasks = Array.from({ length: 10 }, () => pool.run('signalSelf', ['SIGKILL', big] as never));
    const errors = await Promise.all(tasks.map(rejection));
    for (const error of errors) expect(error).toBeInstanceOf(WorkerDiedError);
    await expectUsable(pool);
  });

  test('a sum over many tasks stays exact while workers exit', async () => {
    const pool = newPool();
    const tasks = Array.from({ length: 256 }, (_, index) => pool.run('echo', [index], { retries: 100 }));
    const killer = [0, 1].map(() => rejection(pool.run('exit', [1])));
    const values = (await Promise.all(tasks)) as number[];
    await Promise.all(killer);
    expect(values.reduce((sum, value) => sum + value, 0)).toBe((255 * 256) / 2);
  });

  test('a task that throws does not harm the next one on the same worker', async () => {
    const pool = newPool({ size: 1 });
    const failing = rejection(pool.run('throws'));
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(await failing).toBeInstanceOf(RangeError);
  });

  test('workers that die in the middle of a message, ten times, do not disturb the others', async () => {
    const pool = newPool<typeof Talks>({ module: fixture('talks-without-end.js') });
    const text = 'x'.repeat(100_000);
    for (let round = 0; round < 10; round += 1) {
      let heard = 0;
      const talking = pool.run('talk', [text], {
        onProgress: (value) => {
          if (value !== text) throw new Error('a message was mixed up');
          heard += 1;
        },
      });
      const failed = rejection(talking);
      const { pid } = await talking.started;
      const sent = Array.from({ length: 20 }, (_, index) => Buffer.alloc(200_000, round * 20 + index));
      const back = Promise.all(sent.map((bytes) => pool.run('echo', [bytes])));
      await until('it talks', () => heard > round);
      process.kill(pid, 'SIGKILL');
      expect(await failed).toMatchObject({ death: { signal: 'SIGKILL', phase: 'task' } });
      expect((await back).every((bytes, index) => sent[index]?.equals(bytes as Buffer))).toBe(true);
    }
    expect(pool.stats()).toMatchObject({ deaths: 10, failed: 10, retried: 0 });
    await expectUsable(pool as never);
  });

  test('a worker stopped while it receives its arguments, and killed there, delays no other task', async () => {
    const pool = newPool();
    await pool.ready();
    const stopped = pool.workers()[0]?.pid as number;
    process.kill(stopped, 'SIGSTOP');
    const sent = [1, 2].map((fill) => Buffer.alloc(32 << 20, fill));
    const tasks = sent.map((bytes) => pool.run('echo', [bytes]));
    await Promise.race(tasks); // one of the two went to the worker that runs
    const states = tasks.map(({ state }) => state).sort();
    for (let index = 0; index < 50; index += 1) expect(await pool.run('add', [index, 1])).toBe(index + 1);
    expect(states).toEqual(['queued', 'succeeded']);
    process.kill(stopped, 'SIGKILL');
    const back = (await Promise.all(tasks)) as Buffer[];
    expect(back.every((bytes, index) => sent[index]?.equals(bytes))).toBe(true);
    for (const task of tasks) expect(task.attempts).toMatchObject([{ number: 1, outcome: 'ok' }]);
    await expectUsable(pool);
  });

  test('killWorker() orphans the task of that worker, touches no other, and starts a replacement', async () => {
    const pool = newPool();
    const victim = pool.run('never');
    const gate = newGate();
    const other = pool.run('untilFile', [gate.file, 'unharmed']);
    const error = rejection(victim);
    const [{ workerId }] = await Promise.all([victim.started, other.started]);
    await pool.killWorker(workerId);
    expect(await error).toMatchObject({ name: 'WorkerDiedError', death: { requested: true } });
    gate.open();
    expect(await other).toBe('unharmed');
    expect(other.attempts).toHaveLength(1);
    await expectUsable(pool);
    expect(await rejection(pool.killWorker(999))).toMatchObject({ code: 'ERR_EVERPOOL_OPTIONS' });
  });
});
