/** `everpool/testing` on real pools: chaos, and the pool without processes. */
import { OptionsError, TaskCancelledError, TaskTimeoutError, WorkerDiedError } from 'everpool';
import { chaos, InlinePool } from 'everpool/testing';
import { describe, expect, test } from 'vitest';
import type * as Tasks from '../../fixtures/tasks.js';
import { expectUsable, fixture, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('everpool/testing: chaos', () => {
  useKit();

  for (const fault of ['kill', 'term', 'stop', 'exit', 'disconnect'] as const) {
    test(`${fault}: the pool goes on, and the report lists every fault`, async () => {
      const pool = newPool({ restart: { intensity: 1000 } });
      await pool.ready();
      const monkey = chaos(pool, { seed: 7, everyMs: { min: 10, max: 60 }, faults: { [fault]: 1 }, max: 12 });
      let done = 0;
      while (monkey.faults < 12) done += (await pool.map('sleep', Array(20).fill(3), { retries: 100 })).length;
      await monkey.stop();
      expect(done).toBeGreaterThan(0);
      const { seed, faults } = monkey.report();
      expect(seed).toBe(7);
      expect(faults).toHaveLength(12);
      for (const each of faults) expect(each).toMatchObject({ fault, pid: expect.any(Number), workerId: expect.any(Number) });
      expect([...faults].sort((a, b) => a.atMs - b.atMs)).toEqual(faults);
      if (fault === 'stop') expect(pool.stats().deaths).toBe(0);
      else await until('the deaths are known', () => pool.stats().deaths > 0);
      await expectUsable(pool);
    });
  }

  test('the same seed makes the same choices; without one a seed is drawn and reported; a closed pool ends chaos', async () => {
    const choices: unknown[] = [];
    for (let time = 0; time < 2; time += 1) {
      const pool = newPool({ size: 3, restart: { intensity: 1000 } });
      await pool.ready();
      const monkey = chaos(pool, { seed: 3, everyMs: 5, faults: { stop: 1, kill: 0 }, max: 10 });
      await until('it is done', () => monkey.faults === 10);
      await monkey.stop();
      choices.push(monkey.report().faults.map(({ fault, workerId }) => [fault, workerId]));
    }
    expect(choices[0]).toEqual(choices[1]);
    const pool = newPool();
    const monkey = chaos(pool, { everyMs: 1 });
    expect(monkey.report().seed).toBeGreaterThanOrEqual(0);
    await pool.kill();
    const { faults } = monkey;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(monkey.faults).toBe(faults);
  });

  test('wrong options are refused, with the option, the rule and the value', () => {
    const pool = newPool();
    for (const options of [
      { seed: -1 },
      { everyMs: 0 },
      { everyMs: { min: 5, max: 1 } },
      { faults: { kil: 1 } },
      { faults: { kill: 0 } },
      { max: 0 },
      { often: 1 },
    ])
      expect(() => chaos(pool, options as never)).toThrow(OptionsError);
  });
});

describe('everpool/testing: InlinePool', () => {
  useKit();
  const inline = (options = {}): InlinePool<typeof Tasks> =>
    new InlinePool<typeof Tasks>({ module: fixture('tasks.js'), size: 2, ...options });

  test('runs tasks in this process, with the interface, the order and the cloning of a pool', async () => {
    const pool = inline();
    expect(await pool.run('pid')).toBe(process.pid);
    expect(await pool.tasks.add(2, 3)).toBe(5);
    expect(await pool.map('echo', [1, 2, 3])).toEqual([1, 2, 3]);
    expect(await pool.exec((a: number, b: number) => a * b, [6, 7])).toBe(42);
    const given = { list: [1] };
    const back = (await pool.run('echo', [given])) as typeof given;
    expect(back).toEqual(given);
    expect(back).not.toBe(given);
    expect((await rejection(pool.run('echo', [() => 1]))).name).toBe('SerializationError');
    expect(await rejection(pool.run('throws', ['as in a pool']))).toMatchObject({ name: 'RangeError', message: 'as in a pool' });
    expect(await pool.run('failUntil', [3], { retries: { error: 2 } })).toBe(3);
    const seen: unknown[] = [];
    await pool.run('progress', [[1, 2]], { onProgress: (value) => seen.push(value) });
    expect(seen).toEqual([1, 2]);
    await pool.close();
    expect(pool.state).toBe('closed');
  });

  test('cancels, kills, times out, and survives its workers', async () => {
    const pool = inline({ graceMs: 50 });
    const asked = pool.run('untilAborted');
    await asked.started;
    await asked.cancel();
    expect(await rejection(asked)).toMatchObject({ name: 'TaskCancelledError', forced: false });
    const deaf = pool.run('never');
    await deaf.started;
    await deaf.kill();
    expect(await rejection(deaf)).toBeInstanceOf(TaskCancelledError);
    expect(await rejection(pool.run('never', [], { timeoutMs: 30 }))).toBeInstanceOf(TaskTimeoutError);
    const orphan = pool.run('never');
    await orphan.started;
    await pool.killWorker((await orphan.started).workerId);
    expect(await rejection(orphan)).toBeInstanceOf(WorkerDiedError);
    expect(await pool.run('add', [1, 1])).toBe(2);
    await pool.terminate();
  });
});
