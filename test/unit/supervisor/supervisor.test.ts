/** What the supervisor does when its workers come and go. The workers are played by the test. */
import type { Death } from 'everpool';
import { describe, expect, test } from 'vitest';
import { type ScriptedWorker, scriptedPool } from '../../kit/scripted-platform.js';

const restart = { intensity: 2, periodMs: 5000, backoff: { initialMs: 100, maxMs: 100, factor: 1, jitter: 0 }, probeMs: 1000 };

function last(workers: readonly ScriptedWorker[]): ScriptedWorker {
  return workers.at(-1) as ScriptedWorker;
}

describe('a worker that dies', () => {
  test('is replaced after a pause if its death is charged, and immediately if the pool asked for it', async () => {
    const { pool, workers, pass } = scriptedPool({ restart });
    await pass();
    last(workers).boot('work');
    await pass();
    last(workers).exits(1);
    await pass(50);
    expect(workers).toHaveLength(1);
    await pass(100);
    expect(workers).toHaveLength(2);
    last(workers).boot('work');
    await pass();
    void pool.killWorker(2);
    await pass();
    last(workers).exits(null, 'SIGKILL');
    await pass();
    expect(workers).toHaveLength(3);
  });

  test('is reported once, with its cause and its phase', async () => {
    const { pool, workers, pass } = scriptedPool({ restart });
    const deaths: Death[] = [];
    pool.on('workerDied', ({ death }) => deaths.push(death));
    await pass();
    last(workers).boot('work');
    await pass();
    last(workers).exits(null, 'SIGSEGV');
    await pass();
    expect(deaths).toMatchObject([{ cause: 'signal', signal: 'SIGSEGV', phase: 'idle', requested: false }]);
  });

  test('leaves its slot to a ready spare, and the spare is replaced', async () => {
    const { pool, workers, pass } = scriptedPool({ restart, spares: 1 });
    await pass();
    for (const worker of workers) worker.boot('work');
    await pass();
    expect(workers).toHaveLength(2);
    workers[0]?.exits(1);
    await pass();
    expect(pool.stats().size).toBe(1);
    const [regular] = pool.workers().filter(({ slot }) => slot === 0);
    expect(regular).toMatchObject({ id: 2, state: 'idle' });
    await pass(200);
    expect(workers).toHaveLength(3);
  });
});

describe('workers that cannot start (G10)', () => {
  test('break the pool after one more charged death than the intensity; a probe that is proven recovers it', async () => {
    const { pool, workers, pass } = scriptedPool({ restart });
    const events: string[] = [];
    for (const event of ['broken', 'recovered'] as const) pool.on(event, () => events.push(event));
    for (let death = 0; death < 3; death += 1) {
      await pass(200);
      last(workers).exits(1);
      await pass();
    }
    expect(workers).toHaveLength(3);
    expect(pool.state).toBe('broken');
    await expect(pool.run('work' as never)).rejects.toMatchObject({ code: 'ERR_EVERPOOL_BROKEN' });
    await pass(900);
    expect(workers).toHaveLength(3);
    await pass(5000);
    expect(workers).toHaveLength(4);
    last(workers).boot('work');
    await pass(500);
    expect(pool.state).toBe('broken');
    await pass(600);
    expect(pool.state).toBe('open');
    expect(events).toEqual(['broken', 'recovered']);
  });

  test('revive starts workers immediately', async () => {
    const { pool, workers, pass } = scriptedPool({ restart });
    for (let death = 0; death < 3; death += 1) {
      await pass(200);
      last(workers).exits(1);
      await pass();
    }
    pool.revive();
    expect(pool.state).toBe('open');
    await pass();
    expect(workers).toHaveLength(4);
  });

  test('deaths with a finished task between them never add up', async () => {
    const { pool, workers, pass } = scriptedPool({ restart });
    for (let round = 0; round < 10; round += 1) {
      await pass(200);
      last(workers).boot('work');
      const task = pool.run('work' as never);
      await pass();
      last(workers).returns(1, round);
      await expect(task).resolves.toBe(round);
      last(workers).exits(1);
      await pass();
    }
    expect(pool.state).toBe('open');
  });
});

describe('a worker that does not become ready', () => {
  const bootTimeoutMs = 1000;
  const spawned = async () => {
    const scripted = scriptedPool({ restart, bootTimeoutMs });
    await scripted.pass();
    const passInSteps = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 10) await scripted.pass(10);
    };
    return { ...scripted, worker: last(scripted.workers), passInSteps };
  };

  test('is killed when its time is up', async () => {
    const { worker, passInSteps } = await spawned();
    await passInSteps(990);
    expect(worker.signals).toEqual([]);
    await passInSteps(20);
    expect(worker.signals).toContain('SIGKILL');
  });

  test('has as much longer as it waited for a processor', async () => {
    const { worker, passInSteps } = await spawned();
    await passInSteps(500);
    worker.waited = 600;
    await passInSteps(1090);
    expect(worker.signals).toEqual([]);
    await passInSteps(30);
    expect(worker.signals).toContain('SIGKILL');
  });

  test('is ready in time if it waited for most of it', async () => {
    const { worker, pool, pass } = await spawned();
    for (let part = 0; part < 40; part += 1) {
      worker.waited += 80;
      await pass(100);
    }
    expect(worker.signals).toEqual([]);
    worker.boot('work');
    await pass();
    expect(pool.workers()).toMatchObject([{ id: 1, state: 'idle' }]);
  });
});

describe('a replacement', () => {
  test('boots while the old worker goes on, and takes its slot when it is ready', async () => {
    const { pool, workers, pass } = scriptedPool({ restart });
    await pass();
    last(workers).boot('work');
    await pass();
    let isOver = false;
    void pool.restart().then(() => (isOver = true));
    await pass();
    expect(pool.workers().map(({ id, state }) => [id, state])).toEqual([
      [1, 'idle'],
      [2, 'starting'],
    ]);
    last(workers).boot('work');
    await pass();
    expect(isOver).toBe(true);
    expect(pool.workers().find(({ slot }) => slot === 0)?.id).toBe(2);
  });

  test('that dies before it is ready fails the restart, and the old worker stays', async () => {
    const { pool, workers, pass } = scriptedPool({ restart });
    await pass();
    last(workers).boot('work');
    await pass();
    const restarted = pool.restart();
    restarted.catch(() => undefined);
    await pass();
    last(workers).exits(1);
    await pass();
    await expect(restarted).rejects.toMatchObject({ code: 'ERR_EVERPOOL_RESTART' });
    expect(pool.workers()).toMatchObject([{ id: 1, slot: 0, state: 'idle' }]);
  });
});
