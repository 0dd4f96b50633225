/**
 * One net around each lease: what throws on the path of one task settles that one, and stops
 * neither the others nor the pool.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { coreOf } from '../../../src/pool/pool.js';
import type { TaskRecord } from '../../../src/pool/task/task-record.js';
import { InlinePool } from '../../../src/testing/inline-pool.js';

interface Tasks {
  add(a: number, b: number): number;
  fails(): void;
  never(): Promise<void>;
}
const module = new URL('../../fixtures/in-process.js', import.meta.url);

/** Throws once where a part of the pool is used. */
function breakOnce<T extends object>(part: T, key: keyof T, isThat: (...args: unknown[]) => boolean = () => true): void {
  const real = part[key] as (...args: unknown[]) => unknown;
  let isBroken = false;
  part[key] = function (this: T, ...args: unknown[]) {
    if (!isBroken && isThat(...args)) {
      isBroken = true;
      throw Object.create(null);
    }
    return real.apply(this, args);
  } as T[keyof T];
}
/** Throws once when it is counted that a task has ended so. */
function breakCount(pool: InlinePool<Tasks>, key: 'succeeded' | 'failed' | 'cancelled' | 'retried'): void {
  const { counts } = coreOf(pool);
  let value = counts[key];
  let isBroken = false;
  Object.defineProperty(counts, key, {
    get: () => value,
    set: (to: number) => {
      value = to;
      if (!isBroken) {
        isBroken = true;
        throw new Error('torn');
      }
    },
  });
}

async function codeOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('a fault within the pool on the path of one task', () => {
  let pool: InlinePool<Tasks>;
  const uncaught: unknown[] = [];
  const hear = (error: unknown): number => uncaught.push(error);
  beforeEach(async () => {
    uncaught.length = 0;
    process.on('uncaughtException', hear);
    pool = new InlinePool<Tasks>({ module, size: 1, pipelining: false, graceMs: 1, restart: { backoff: { initialMs: 1 } } });
    await pool.ready();
  });
  afterEach(async () => {
    await pool.kill();
    process.off('uncaughtException', hear);
    expect(uncaught).toEqual([]);
  });

  const expectSound = async (): Promise<void> => {
    expect(await pool.run('add', [1, 2])).toBe(3);
    await pool.idle();
    await pool.close();
    expect(pool.state).toBe('closed');
  };

  test('a reply: the task rejects with what was thrown, and the next ones run in the same worker', async () => {
    breakCount(pool, 'succeeded');
    const ends = [pool.run('add', [1, 1]), pool.run('add', [1, 2]), pool.run('fails')].map(codeOf);
    expect(await Promise.all(ends)).toEqual(['ERR_EVERPOOL_INTERNAL', 3, undefined]);
    expect(pool.stats().deaths).toBe(0);
    await expectSound();
  });

  test('a failure, and its retry', async () => {
    breakCount(pool, 'failed');
    expect(await Promise.all([codeOf(pool.run('fails')), codeOf(pool.run('add', [1, 2]))])).toEqual(['ERR_EVERPOOL_INTERNAL', 3]);
    breakCount(pool, 'retried');
    expect(await codeOf(pool.run('fails', [], { retries: { error: 1 } }))).toBe('ERR_EVERPOOL_INTERNAL');
    await expectSound();
  });

  test('the start of an attempt: it goes on', async () => {
    const core = coreOf(pool);
    breakOnce(core.queueMs, 'record');
    expect(await pool.run('add', [1, 2])).toBe(3);
    await expectSound();
  });

  test('a death: its other tasks, and those of the other workers, settle, and its place is filled', async () => {
    await pool.close();
    pool = new InlinePool<Tasks>({ module, size: 2, concurrency: 3, restart: { backoff: { initialMs: 1 } } });
    await pool.ready();
    const tasks = Array.from({ length: 6 }, () => pool.run('never', [], { retries: 0 }));
    await Promise.all(tasks.map(({ started }) => started));
    breakCount(pool, 'failed');
    const ends = tasks.map(codeOf);
    for (const { id } of pool.workers()) void pool.killWorker(id);
    const codes = await Promise.all(ends);
    expect(codes.filter((code) => code === 'ERR_EVERPOOL_INTERNAL')).toHaveLength(1);
    expect(codes.filter((code) => code === 'ERR_EVERPOOL_WORKER_DIED')).toHaveLength(5);
    await pool.ready();
    await expectSound();
  });

  test('a queued task that is cancelled', async () => {
    const core = coreOf(pool);
    const running = pool.run('never');
    await running.started;
    const queued = pool.run('add', [1, 2], { tag: 'that' });
    breakOnce(core.settlement, 'end', (record) => (record as TaskRecord).options.tag === 'that');
    const end = codeOf(queued);
    await queued.cancel();
    expect(await end).toBe('ERR_EVERPOOL_INTERNAL');
    await running.kill();
    await expectSound();
  });

  test('a deadline', async () => {
    const running = pool.run('never');
    await running.started;
    breakCount(pool, 'failed');
    const ends = [1, 2, 3].map(() => codeOf(pool.run('add', [1, 2], { queueTimeoutMs: 5 })));
    const codes = await Promise.all(ends);
    expect(codes.filter((code) => code === 'ERR_EVERPOOL_INTERNAL')).toHaveLength(1);
    expect(codes.filter((code) => code === 'ERR_EVERPOOL_TIMEOUT')).toHaveLength(2);
    await running.kill();
    await expectSound();
  });

  test('a break: every task of the broken pool rejects', async () => {
    await pool.close();
    pool = new InlinePool<Tasks>({
      module: new URL('../../fixtures/no-such-module.js', import.meta.url),
      restart: { intensity: 0, probeMs: false },
    });
    const ends = [1, 2, 3].map(() => codeOf(pool.run('add', [1, 2])));
    breakCount(pool, 'failed');
    const codes = await Promise.all(ends);
    expect(codes.filter((code) => code === 'ERR_EVERPOOL_INTERNAL')).toHaveLength(1);
    expect(codes.filter((code) => code === 'ERR_EVERPOOL_BROKEN')).toHaveLength(2);
    expect(pool.state).toBe('broken');
    await pool.close();
  });
});
