/**
 * Workers that write into their control file: each task settles, starts no more often than it may,
 * and the pool goes on (G9).
 */
import { join } from 'node:path';
import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { confirmationOf } from '../../../src/ipc/control-file-layout.js';
import { deathsOf, type Forgers, lying } from '../../kit/forgers.js';
import { expectUsable, fixture, newFolder, newPool, rejection, useKit } from '../../kit/pools.js';

const bytesOf = (...numbers: number[]): Buffer => Buffer.from(Float64Array.from(numbers).buffer);
const FORGERIES: [string, Parameters<Forgers['scribble']>[0]][] = [
  ['8 bytes of garbage', { bytes: Buffer.from('garbage!') }],
  ['16 bytes of garbage', { bytes: Buffer.from('garbage garbage!') }],
  ['not a number', { bytes: bytesOf(Number.NaN, Number.NaN) }],
  ['8 zeros', { bytes: Buffer.alloc(8) }],
  ['16 zeros', { bytes: Buffer.alloc(16) }],
  ['zeros over all of it', { bytes: Buffer.alloc(16_448) }],
  ['the number before', { own: -1 }],
  ['the number after', { own: 1 }],
  ['a confirmed number far beyond', { bytes: bytesOf(1e6, confirmationOf(1e6)) }],
  ['a confirmed fraction', { bytes: bytesOf(0.5, confirmationOf(0.5)) }],
  ['a confirmed number that an answered attempt has passed', { bytes: bytesOf(0, confirmationOf(0)) }],
  ['nothing: it is cut off', { cut: 0 }],
];

describe('a worker that lies in its control file', () => {
  useKit();

  test.each(FORGERIES)('(%s) and dies: the task started once, and the death is a protocol death', async (_what, what) => {
    const pool = lying({ size: 1 });
    const file = join(newFolder(), 'starts');
    await pool.run('mark', [file, 'before']);
    const deaths = deathsOf(pool as never);
    const task = pool.run('scribble', [what, 'exit']);
    const behind = pool.run('add', [1, 2]);
    expect(await rejection(task)).toBeInstanceOf(WorkerDiedError);
    expect(task.attempts).toHaveLength(1);
    expect(await behind).toBe(3);
    expect(deaths).toMatchObject([{ cause: 'protocol', phase: 'task' }]);
    expect(pool.state).toBe('open');
    await expectUsable(pool as never, 1);
  });

  test.each(FORGERIES)('(%s) and spins is ended by the time limit, kill() and killTasks()', async (_what, what) => {
    const pool = lying({ size: 1 });
    await pool.run('add', [1, 1]);
    const limited = pool.run('scribble', [what, 'spin'], { timeoutMs: 100 });
    expect((await rejection(limited))['code']).toMatch(/^ERR_EVERPOOL_(TIMEOUT|WORKER_DIED)$/);
    await pool.run('add', [1, 1]);
    const killed = pool.run('scribble', [what, 'spin']);
    killed.catch(() => undefined);
    // It may have started, or not: both must end.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await killed.kill();
    expect(['cancelled', 'failed']).toContain(killed.state);
    await pool.run('add', [1, 1]);
    const swept = pool.run('scribble', [what, 'spin'], { tag: 'swept' });
    swept.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await pool.killTasks({ tag: 'swept' });
    expect(['cancelled', 'failed']).toContain(swept.state);
    await expectUsable(pool as never, 1);
  });

  test('and dies, with crash retries, starts the task again as often as they allow', async () => {
    const pool = lying({ size: 1 });
    const task = pool.run('scribble', [{ bytes: Buffer.alloc(16) }, 'exit'], { retries: { crash: 2 } });
    expect(await rejection(task)).toBeInstanceOf(WorkerDiedError);
    expect(task.attempts).toHaveLength(3);
  });
});

describe('the control file of a worker that does not lie', () => {
  useKit();

  test('is believed under load: no death is a protocol death', async () => {
    const pool = newPool<Forgers>({ module: fixture('forges.js'), concurrency: 2 });
    const deaths = deathsOf(pool as never);
    const tasks = Array.from({ length: 5000 }, (_, index) => pool.run('add', [index, 1]));
    const looks = setInterval(() => {
      for (const task of tasks.slice(0, 200)) void task.state;
    }, 1);
    await Promise.all(tasks);
    clearInterval(looks);
    expect(deaths).toEqual([]);
  });
});
