/** Results, errors and progress that cannot be encoded, or whose encoding ends the worker. */
import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Crashes from '../../fixtures/crashes-in-getters.js';
import type * as WritesFrames from '../../fixtures/writes-frames.js';
import { expectUsable, fixture, newPool, rejection, useKit } from '../../kit/pools.js';

const writing = (workerData?: unknown) =>
  newPool<typeof WritesFrames>({ module: fixture('writes-frames.js'), size: 1, workerData, restart: { intensity: 1, probeMs: false } });

describe('results', () => {
  useKit();

  test('a result, error or progress value that cannot be sent rejects with the reason, and the worker lives', async () => {
    const pool = newPool({ module: fixture('odd-values.js'), size: 1 });
    const pid = await pool.run('pid' as never);
    expect(await rejection(pool.run('functionResult' as never))).toMatchObject({ side: 'result' });
    expect((await rejection(pool.run('throwingGetter' as never))).message).toContain('getter on purpose');
    expect(await rejection(pool.run('throwsFunction' as never))).toMatchObject({ side: 'error' });
    expect(await rejection(pool.run('badProgress' as never))).toMatchObject({ side: 'progress' });
    expect(await pool.run('pid' as never)).toBe(pid);
  });

  test('a getter that ends the worker while a result is encoded is a death of that task', async () => {
    const pool = newPool({ module: fixture('odd-values.js'), size: 1 });
    const error = await rejection(pool.run('resultThatExits' as never, [0] as never));
    expect(error).toMatchObject({ death: { exitCode: 0, phase: 'task' } });
    const crash = await rejection(pool.run('resultThatCrashes' as never));
    expect(crash).toMatchObject({ death: { signal: 'SIGSEGV' } });
  });

  test.each(['crashInResult', 'crashInError', 'crashInProgress'] as const)(
    'encoding that crashes the worker (%s) is a death of that task',
    async (name) => {
      const pool = newPool<typeof Crashes>({ module: fixture('crashes-in-getters.js') });
      const error = await rejection(pool.run(name));
      expect(error).toBeInstanceOf(WorkerDiedError);
      expect(error).toMatchObject({ death: { signal: 'SIGSEGV', phase: 'task', requested: false }, attempts: [{ outcome: 'orphaned' }] });
      expect(error.message).toContain('SIGSEGV');
      await expectUsable(pool as never);
    },
  );

  test('a worker that dies in the middle of a result harms that task and no other', async () => {
    const pool = writing();
    const task = pool.run('writeHalf');
    const behind = pool.run('add', [1, 2]);
    expect(await rejection(task)).toMatchObject({ death: { signal: 'SIGKILL', phase: 'task' } });
    expect(await behind).toBe(3);
    await expectUsable(pool as never, 1);
  });
});
