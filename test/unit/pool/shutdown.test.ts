/** close, terminate and kill, in any order: every task settles, and then every worker goes. The workers are played by the test. */
import { describe, expect, test } from 'vitest';
import { FrameType } from '../../../src/ipc/frame.js';
import { PoolClosedError } from '../../../src/shared/errors.js';
import { type ScriptedPool, type ScriptedWorker, scriptedPool } from '../../kit/scripted-platform.js';

async function poolWithWorker(options: Parameters<typeof scriptedPool>[0] = {}): Promise<ScriptedPool & { worker: ScriptedWorker }> {
  const scripted = scriptedPool({ graceMs: 100, killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }], ...options });
  await scripted.pass();
  const [worker] = scripted.workers as [ScriptedWorker];
  worker.boot('work');
  await scripted.pass();
  return { ...scripted, worker };
}

/** The state of a promise, as far as it is known. */
function outcomeOf(promise: PromiseLike<unknown>): { state: string } {
  const outcome = { state: 'pending' };
  promise.then(
    () => (outcome.state = 'resolved'),
    () => (outcome.state = 'rejected'),
  );
  return outcome;
}

function wasAskedToLeave(worker: ScriptedWorker): boolean {
  return worker.received.some(({ type }) => type === FrameType.Leave);
}

describe('close', () => {
  test('finishes what is queued and running, takes nothing more, and then lets the workers leave', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    const tasks = [pool.run('work' as never), pool.run('work' as never)];
    await pass();
    const closed = outcomeOf(pool.close());
    const refused = outcomeOf(pool.run('work' as never));
    worker.returns(1, 1);
    await pass();
    expect(pool.state).toBe('closing');
    expect(wasAskedToLeave(worker)).toBe(false);
    expect(refused.state).toBe('rejected');
    worker.returns(2, 2);
    await pass();
    expect(await Promise.all(tasks)).toEqual([1, 2]);
    expect(wasAskedToLeave(worker)).toBe(true);
    expect(closed.state).toBe('pending'); // its process is still there (G7)
    worker.exits(0);
    await pass();
    expect(closed.state).toBe('resolved');
    expect(pool.state).toBe('closed');
    expect(worker.isReleased).toBe(true);
  });

  test('with a limit becomes terminate when the limit is over', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    const task = outcomeOf(pool.run('work' as never));
    await pass();
    worker.start(1);
    const closed = outcomeOf(pool.close({ timeoutMs: 50 }));
    await pass(51);
    expect(worker.received.some(({ type }) => type === FrameType.Abort)).toBe(true);
    await pass(101);
    expect(worker.signals).toEqual(['SIGKILL']);
    worker.exits(null, 'SIGKILL');
    await pass();
    expect([task.state, closed.state, pool.state]).toEqual(['rejected', 'resolved', 'closed']);
  });

  test('with cancelQueued cancels what has not started', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    const running = pool.run('work' as never);
    const queued = outcomeOf(pool.run('work' as never, [] as never, { priority: -1 }));
    await pass();
    worker.start(1);
    void pool.close({ cancelQueued: true });
    await pass();
    worker.returns(1, 'done');
    await pass();
    await expect(running).resolves.toBe('done');
    expect(queued.state).toBe('rejected');
  });

  test.each([Number.POSITIVE_INFINITY, 9])('refuses the task whose arguments call it, with queueLimit %d', async (queueLimit) => {
    const { pool, worker, pass } = await poolWithWorker({ queueLimit });
    const running = pool.run('work' as never);
    await pass();
    const closes = Object.defineProperty({}, 'x', { enumerable: true, get: () => void pool.close() });
    const refused: unknown[] = [];
    pool.run('work' as never, [closes] as never).catch((error) => refused.push(error));
    worker.returns(1, 'done');
    await pass();
    await expect(running).resolves.toBe('done');
    expect(refused).toEqual([expect.any(PoolClosedError)]);
    expect(worker.attempts).toEqual([1]);
    expect(wasAskedToLeave(worker)).toBe(true);
  });
});

describe('terminate and kill', () => {
  test('a stronger end takes over from a weaker one, and all return one promise', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    const task = outcomeOf(pool.run('work' as never));
    await pass();
    worker.start(1);
    const ends = [pool.close(), pool.terminate(), pool.kill()].map(outcomeOf);
    await pass();
    expect(worker.signals).toEqual(['SIGKILL']);
    worker.exits(null, 'SIGKILL');
    await pass();
    expect(task.state).toBe('rejected');
    expect(ends.map(({ state }) => state)).toEqual(['resolved', 'resolved', 'resolved']);
  });

  test('a weaker end changes nothing', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    void pool.kill();
    void pool.close();
    void pool.terminate();
    await pass();
    expect(worker.signals).toEqual(['SIGKILL']);
    expect(wasAskedToLeave(worker)).toBe(false);
  });

  test('a worker that outlives every signal is reported by pid, and the pool is closed all the same', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    worker.sweep = () => Promise.resolve(false);
    const killed = pool.kill();
    const outcome = outcomeOf(killed);
    await pass(2000);
    expect(outcome.state).toBe('rejected');
    await expect(killed).rejects.toMatchObject({ code: 'ERR_EVERPOOL_OUTLIVED', message: expect.stringContaining(String(worker.pid)) });
    expect(pool.state).toBe('closed');
  });
});
