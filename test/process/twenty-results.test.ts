/**
 * Results in the pipe of a dead worker arrive (G4), and with one socket for both directions they
 * would not.
 */
import { describe, expect, test } from 'vitest';
import { fixture, isRunning, newPool, until, useKit } from '../kit/pools.js';
import { weakened, withSharedSocket } from '../kit/weakened.js';

const COUNT = 20;

/**
 * The number of results that arrive of twenty in the pipe of a dead worker that the parent writes
 * to.
 */
async function delivered(make: typeof newPool): Promise<number> {
  const pool = make({ module: fixture('answers-together.js'), size: 1, concurrency: COUNT + 1 });
  const run = (name: string, ...args: unknown[]) => pool.run(name as never, args as never);
  const never = run('never');
  const tasks = Array.from({ length: COUNT }, (_, index) => run('together', COUNT, index));
  const outcomes = Promise.allSettled(tasks);
  const [{ pid }] = await Promise.all([never.started, ...tasks.map((task) => task.started)]);
  // The parent reads nothing until the worker is dead …
  for (const end = performance.now() + 5000; isRunning(pid) && performance.now() < end; );
  expect(isRunning(pid)).toBe(false);
  // … and then first writes to it.
  const cancelled = never.cancel();
  const values = (await outcomes).flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  await cancelled.catch(() => undefined);
  await expect(never).rejects.toThrow();
  await until('the worker is replaced', () => pool.workers().some((worker) => worker.state === 'idle'));
  expect(await run('twice', 21)).toBe(42);
  expect(values).toEqual(Array.from({ length: values.length }, (_, index) => index));
  return values.length;
}

describe('G4: a whole reply wins', () => {
  useKit();

  test(`${COUNT} results in the pipe of a worker that dies while the parent writes to it: ${COUNT} delivered, 5 times`, async () => {
    for (let round = 0; round < 5; round += 1) expect(await delivered(newPool)).toBe(COUNT);
  });

  test('with one socket for both directions they are lost, so the experiment can show a loss', async () => {
    expect(await delivered((options) => weakened(() => newPool(options), withSharedSocket))).toBe(0);
  });
});
