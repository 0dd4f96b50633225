/**
 * Workers whose task code writes into their control file, or reads the offers of other tasks from
 * it: each task settles, starts no more often than it may, and the pool goes on (G9).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Pool, type Task, WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { CONTROL_FILE_BYTES } from '../../../src/ipc/control-file-layout.js';
import { deathsOf, type Forgers, type How, lying } from '../../kit/forgers.js';
import { expectUsable, fixture, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

const bytesOf = (...numbers: number[]): Buffer => Buffer.from(Float64Array.from(numbers).buffer);
const FORGERIES: [string, Parameters<Forgers['scribble']>[0]][] = [
  ['8 bytes of garbage', { bytes: Buffer.from('garbage!') }],
  ['not a number, everywhere', { bytes: bytesOf(...new Array(CONTROL_FILE_BYTES / 8).fill(Number.NaN)), at: 0 }],
  ['zeros over all of it', { bytes: Buffer.alloc(CONTROL_FILE_BYTES), at: 0 }],
  ['more than all of it', { bytes: Buffer.alloc(2 * CONTROL_FILE_BYTES, 1), at: 0 }],
  ['nothing: it is cut off', { cut: 0 }],
];

describe('a worker that writes into the cells of its control file', () => {
  useKit();

  test.each(FORGERIES)('(%s) and dies: the task started once, and the next one runs', async (_what, what) => {
    const pool = lying({ size: 1 });
    const file = join(newFolder(), 'starts');
    await pool.run('mark', [file, 'before']);
    const deaths = deathsOf(pool as never);
    const task = pool.run('scribble', [what, 'exit']);
    const behind = pool.run('add', [1, 2]);
    expect(await rejection(task)).toBeInstanceOf(WorkerDiedError);
    expect(task.attempts).toHaveLength(1);
    expect(await behind).toBe(3);
    expect(deaths).toMatchObject([{ phase: 'task' }]);
    await expectUsable(pool as never, 1);
  });

  test.each(FORGERIES)('(%s) and returns harms nobody', async (_what, what) => {
    const pool = lying({ size: 1 });
    const deaths = deathsOf(pool as never);
    for (let round = 0; round < 5; round += 1) {
      await pool.run('scribble', [what, 'return']);
      expect(await pool.map('sleep', [1, 2, 3], { chunkSize: 3 })).toHaveLength(3);
    }
    expect(deaths).toEqual([]);
  });

  test.each(FORGERIES)('(%s) and spins is ended by the time limit, kill() and killTasks()', async (_what, what) => {
    const pool = lying({ size: 1 });
    await pool.run('add', [1, 1]);
    const limited = pool.run('scribble', [what, 'spin'], { timeoutMs: 100 });
    expect((await rejection(limited))['code']).toBe('ERR_EVERPOOL_TIMEOUT');
    await pool.run('add', [1, 1]);
    const killed = pool.run('scribble', [what, 'spin']);
    killed.catch(() => undefined);
    // It may have started, or not: both must end.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await killed.kill();
    expect(killed.state).toBe('cancelled');
    await pool.run('add', [1, 1]);
    const swept = pool.run('scribble', [what, 'spin'], { tag: 'swept' });
    swept.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await pool.killTasks({ tag: 'swept' });
    expect(swept.state).toBe('cancelled');
    await expectUsable(pool as never, 1);
  });

  test.each(FORGERIES)(
    '(%s) in the middle of a chunk, and dies: every item settles, and starts as often as it may',
    async (_what, what) => {
      const pool = lying({ size: 1 });
      const harmless = { bytes: Buffer.alloc(8) };
      const items = [harmless, { ...what, after: 'exit' as const }, harmless];
      const outcomes = await pool.map('scribble', items, { chunkSize: 3, onError: 'continue' }).settled();
      expect(outcomes).toHaveLength(3);
      expect(outcomes[1]).toMatchObject({ status: 'rejected' });
      await expectUsable(pool as never, 1);
    },
  );

  test('and dies, with crash retries, starts the task again as often as they allow', async () => {
    const pool = lying({ size: 1 });
    const task = pool.run('scribble', [{ bytes: Buffer.alloc(16) }, 'exit'], { retries: { crash: 2 } });
    expect(await rejection(task)).toBeInstanceOf(WorkerDiedError);
    expect(task.attempts).toHaveLength(3);
  });
});

const ALL = 64 * 1024;
const THEFTS: [string, number][] = [
  ['one offer', 8],
  ['a part of one', 3],
  ['one and a part', 13],
  ['two', 16],
  ['all', ALL],
];

interface Theft {
  readonly thief: Task<string>;
  /** Sent ahead behind the thief. */
  readonly others: Task<string>[];
  readonly starts: () => string[];
}

/** A thief, with others sent ahead behind it: their offers are there when it starts. */
async function theft(pool: Pool<Forgers>, bytes: number, how: How, limits: { timeoutMs?: number } = {}): Promise<Theft> {
  const folder = newFolder();
  const loot = join(folder, 'loot');
  // Only short tasks are sent ahead.
  for (let round = 0; round < 40; round += 1) await Promise.all([pool.run('steal', [0]), pool.run('mark', [join(folder, 'x'), 'x'])]);
  for (let round = 0; ; round += 1) {
    const starts = join(folder, `starts-${round}`);
    const thief = pool.run('steal', [bytes, how, loot], limits);
    const others = ['a', 'b', 'c', 'd'].map((line) => pool.run('mark', [starts, line]));
    for (const task of [thief, ...others]) task.catch(() => undefined);
    let isOver = false;
    void thief.then(
      (value) => (isOver = value === 'nothing'),
      () => undefined,
    );
    await until('it has stolen, or there was nothing', () => isOver || existsSync(loot));
    if (!isOver) return { thief, others, starts: () => (existsSync(starts) ? readFileSync(starts, 'utf8').trim().split('\n') : []) };
    await Promise.all(others);
  }
}

/** Every other task settles; those that reject were with the thief. None starts twice. */
async function expectSettled({ others, starts }: Theft): Promise<void> {
  const outcomes = await Promise.allSettled(others);
  for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(WorkerDiedError);
  for (const task of others) expect(task.attempts).toHaveLength(1);
  expect(new Set(starts()).size).toBe(starts().length);
  const resolved = outcomes.filter(({ status }) => status === 'fulfilled').length;
  expect(starts().length).toBeGreaterThanOrEqual(resolved);
}

describe('a task that reads the offers of others', () => {
  useKit();

  test.each(THEFTS)('(%s) and returns: its worker is found out, and dies of it', async (_what, bytes) => {
    const pool = lying({ size: 1 });
    const deaths = deathsOf(pool as never);
    const stolen = await theft(pool, bytes, 'return');
    expect(await stolen.thief).toBe('forged');
    await expectSettled(stolen);
    await until('it has died', () => deaths.length > 0);
    expect(deaths).toHaveLength(1);
    // The worker ends itself if what it reads is impossible.
    if (bytes % 8 === 0) expect(deaths).toMatchObject([{ cause: 'protocol', phase: 'task' }]);
    await expectUsable(pool as never, 1);
  });

  test.each(THEFTS)('(%s) and dies: everybody settles', async (_what, bytes) => {
    const pool = lying({ size: 1 });
    const deaths = deathsOf(pool as never);
    const stolen = await theft(pool, bytes, 'exit');
    expect(await rejection(stolen.thief)).toBeInstanceOf(WorkerDiedError);
    await expectSettled(stolen);
    expect(deaths).toMatchObject([{ phase: 'task', exitCode: 0 }]);
    await expectUsable(pool as never, 1);
  });

  for (const how of ['spin', 'wait'] as const) {
    test.each(THEFTS)(`(%s), then ${how}s, is ended by its time limit, and everybody settles`, async (_what, bytes) => {
      const pool = lying({ size: 1 });
      const stolen = await theft(pool, bytes, how, { timeoutMs: 200 });
      expect((await rejection(stolen.thief))['code']).toMatch(/^ERR_EVERPOOL_(TIMEOUT|WORKER_DIED)$/);
      await expectSettled(stolen);
      await expectUsable(pool as never, 1);
    });

    test.each(THEFTS)(`(%s), then ${how}s, is ended by kill(), and everybody settles`, async (_what, bytes) => {
      const pool = lying({ size: 1 });
      const stolen = await theft(pool, bytes, how);
      await stolen.thief.kill();
      expect(['cancelled', 'failed']).toContain(stolen.thief.state);
      await expectSettled(stolen);
      await expectUsable(pool as never, 1);
    });

    test(`, then ${how}s, without any limit, keeps nobody waiting`, async () => {
      const pool = lying({ size: 2 });
      const { others } = await theft(pool, 8, how);
      await until('the others are over', () => others.every(({ state }) => state === 'succeeded' || state === 'failed'), 10_000);
    });

    test.each(THEFTS)(`(%s), then ${how}s, keeps neither close() nor kill() waiting`, async (_what, bytes) => {
      const pool = lying({ size: 1 });
      const stolen = await theft(pool, bytes, how);
      await pool.close({ timeoutMs: 300 }).catch(() => undefined);
      await pool.kill();
      for (const task of [stolen.thief, ...stolen.others]) expect(['failed', 'cancelled', 'succeeded']).toContain(task.state);
    });
  }

  test('again and again, in the middle of others: all that follows is settled', async () => {
    const pool = lying({ size: 1 });
    await pool.run('add', [1, 1]);
    const tasks: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round += 1) {
      for (let n = 0; n < 10; n += 1) tasks.push(pool.run('add', [n, 1]));
      tasks.push(pool.run('steal', [[8, 3, ALL][round % 3] as number]));
      for (const task of tasks) task.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const outcomes = await Promise.allSettled(tasks);
    expect(outcomes).toHaveLength(220);
    await expectUsable(pool as never, 1);
  });

  test('of a worker with two places: everybody settles', async () => {
    const pool = lying({ size: 1, concurrency: 2 });
    const stolen = await theft(pool, ALL, 'wait', { timeoutMs: 300 });
    expect((await rejection(stolen.thief))['code']).toMatch(/^ERR_EVERPOOL_(TIMEOUT|WORKER_DIED)$/);
    await expectSettled(stolen);
    await expectUsable(pool as never, 1);
  });
});

describe('the control file of a worker that does not lie', () => {
  useKit();

  test('is believed under load, also while it is recalled all the time: no death is a protocol death', async () => {
    const pool = newPool<Forgers>({ module: fixture('forges.js'), concurrency: 2 });
    const deaths = deathsOf(pool as never);
    // More than one file holds (`isLong`).
    for (let round = 0; round < 8; round += 1) {
      const tasks = Array.from({ length: 5000 }, (_, index) => pool.run('add', [index, 1]));
      for (const task of tasks) task.catch(() => undefined);
      let next = 0;
      const cancels = setInterval(() => {
        for (let count = 0; count < 5; count += 1) {
          next = (next + 7) % tasks.length;
          void tasks[next]?.cancel();
        }
      }, 1);
      await Promise.allSettled(tasks);
      clearInterval(cancels);
    }
    expect(deaths).toEqual([]);
  });
});
