/** Which worker gets which task, and when. The workers are played by the test. */
import { describe, expect, test } from 'vitest';
import { FrameType, type Message } from '../../../../src/ipc/frame.js';
import { type ScriptedPool, type ScriptedWorker, scriptedPool } from '../../../kit/scripted-platform.js';

async function readyPool(options: Parameters<typeof scriptedPool>[0]): Promise<ScriptedPool> {
  const scripted = scriptedPool(options);
  await scripted.pass();
  for (const worker of scripted.workers) worker.boot('work', 'other');
  await scripted.pass();
  return scripted;
}

/** The ids of the tasks that a worker was sent, in the order of the messages. */
function tasksOf(worker: ScriptedWorker | undefined): number[] {
  return (worker?.received ?? []).filter(({ type }) => type === FrameType.Run).map((message: Message) => message.time);
}

/** Answers attempt after attempt, until nothing more is sent: the ids of the tasks in the order of their starts. */
async function drain({ pass }: ScriptedPool, worker: ScriptedWorker): Promise<number[]> {
  for (let seq = 1; seq <= worker.received.filter(({ type }) => type === FrameType.Run).length; seq += 1) {
    worker.returns(seq, seq);
    await pass();
  }
  return tasksOf(worker);
}

describe('the dispatcher', () => {
  test('sends nothing in the turn of the submission', async () => {
    const { pool, workers, pass } = await readyPool({ size: 1 });
    const task = pool.run('work' as never);
    expect(tasksOf(workers[0])).toEqual([]);
    await pass();
    expect(tasksOf(workers[0])).toEqual([1]);
    workers[0]?.returns(1, 'done');
    await expect(task).resolves.toBe('done');
  });

  test('starts higher priorities first, and equal ones in the order of submission (G14)', async () => {
    const scripted = await readyPool({ size: 1, pipelining: false });
    const { pool, workers } = scripted;
    const priorities = [0, 5, 0, -1, 5, 1];
    const tasks = priorities.map((priority) => pool.run('work' as never, [] as never, { priority }));
    await scripted.pass();
    expect(await drain(scripted, workers[0] as ScriptedWorker)).toEqual([2, 5, 6, 1, 3, 4]);
    await Promise.all(tasks);
  });

  test('gives each free worker a task before any gets a second one', async () => {
    const { pool, workers, pass } = await readyPool({ size: 3 });
    const tasks = [1, 2, 3].map(() => pool.run('work' as never));
    for (const task of tasks) task.catch(() => undefined);
    await pass();
    expect(workers.map((worker) => tasksOf(worker).length)).toEqual([1, 1, 1]);
  });

  test('sends short tasks ahead of the end of the running one, and long ones only to a free worker', async () => {
    const scripted = await readyPool({ size: 1 });
    const { pool, workers, pass } = scripted;
    const worker = workers[0] as ScriptedWorker;
    const first = Array.from({ length: 40 }, () => pool.run('work' as never));
    await pass();
    await drain(scripted, worker); // the name is known to be short from here on
    await Promise.all(first);
    const before = tasksOf(worker).length;
    const tasks = [pool.run('work' as never), pool.run('work' as never), pool.run('other' as never)];
    for (const task of tasks) task.catch(() => undefined);
    await pass();
    expect(tasksOf(worker).length - before).toBe(2);
  });

  test('takes back what it sent ahead of a task that turns out long (G11)', async () => {
    const scripted = await readyPool({ size: 1 });
    const { pool, workers, pass } = scripted;
    const worker = workers[0] as ScriptedWorker;
    const first = Array.from({ length: 40 }, () => pool.run('work' as never));
    await pass();
    await drain(scripted, worker);
    await Promise.all(first);
    const [long, short] = [pool.run('work' as never), pool.run('work' as never)];
    for (const task of [long, short]) task.catch(() => undefined);
    await pass();
    const [running, ahead] = worker.attempts.slice(-2) as [number, number];
    worker.start(running);
    await pass(20);
    expect(worker.withdrawn).toEqual([ahead]);
    expect(short?.state).toBe('queued');
  });

  test('moves a task that its worker does not start to another worker', async () => {
    const { pool, workers, pass } = await readyPool({ size: 2 });
    const task = pool.run('work' as never);
    await pass();
    const [stuck, other] = tasksOf(workers[0]).length === 1 ? workers : [...workers].reverse();
    await pass(50);
    expect(stuck?.withdrawn).toEqual([1]);
    expect(tasksOf(other)).toEqual([1]);
    other?.returns(1, 'done');
    await expect(task).resolves.toBe('done');
    expect(task.attempts).toHaveLength(1);
  });

  test('starts nothing while the pool is paused, and goes on when it resumes', async () => {
    const { pool, workers, pass } = await readyPool({ size: 1 });
    pool.pause();
    const task = pool.run('work' as never);
    task.catch(() => undefined);
    await pass(100);
    expect(tasksOf(workers[0])).toEqual([]);
    pool.resume();
    await pass();
    expect(tasksOf(workers[0])).toEqual([1]);
  });

  test('a worker takes as many tasks at a time as its concurrency', async () => {
    const { pool, workers, pass } = await readyPool({ size: 1, concurrency: 3, pipelining: false });
    const tasks = Array.from({ length: 5 }, () => pool.run('work' as never));
    for (const task of tasks) task.catch(() => undefined);
    await pass();
    expect(tasksOf(workers[0])).toEqual([1, 2, 3]);
    workers[0]?.start(3);
    workers[0]?.returns(2, 'done');
    await pass();
    expect(tasksOf(workers[0])).toEqual([1, 2, 3, 4]);
  });
});
