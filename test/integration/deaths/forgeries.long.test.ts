/**
 * Workers that forge frames: each task settles, no task of another worker is harmed, and the pool
 * goes on (G9).
 */
import type { Attempt } from 'everpool';
import { TaskTimeoutError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { FrameType } from '../../../src/ipc/frame.js';
import { Random } from '../../../src/testing/random.js';
import { deathsOf, type Frame, lying } from '../../kit/forgers.js';
import { expectUsable, rejection, useKit } from '../../kit/pools.js';

const DOUBLES = [
  0,
  -0,
  -1,
  0.5,
  1,
  2,
  3,
  1000,
  2 ** 31,
  2 ** 53,
  1e300,
  -1e300,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];
function frameOf(random: Random): Frame {
  const frame: Frame = { type: random.chance(0.8) ? random.integer(30, 40) : random.integer(0, 45) };
  if (random.chance(0.5)) frame.ahead = random.integer(-3, 3);
  if (random.chance(0.3)) frame.seq = random.pick(DOUBLES);
  if (random.chance(0.4)) frame.time = random.pick(DOUBLES);
  if (random.chance(0.4)) frame.a = random.pick([0, 1, 1000, 2 ** 31, 2 ** 32 - 1]);
  if (random.chance(0.3)) frame.flags = random.integer(0, 255);
  if (random.chance(0.2)) frame.b = random.integer(0, 65_535);
  if (random.chance(0.5))
    Object.assign(frame, { codec: 1, body: random.pick(['[]', '{}', '7', '[0,1,[]]', '[0,-1,[[5,null]]]', '{"exports":7}', '"x"']) });
  if (random.chance(0.1)) frame.length = random.pick([0, 100, 2 ** 31 - 1, 2 ** 32 - 1]);
  if (random.chance(0.1)) frame.attachments = random.integer(0, 255);
  return frame;
}

/** The times of a task whose worker lied are within what the parent saw itself. */
function expectPlausible(attempts: readonly Attempt[], from: number): void {
  for (const { startedAt, endedAt } of attempts) {
    expect(startedAt).toBeGreaterThanOrEqual(from - 1);
    expect(endedAt ?? startedAt).toBeGreaterThanOrEqual(startedAt);
    expect(endedAt ?? startedAt).toBeLessThanOrEqual(Date.now() + 5);
  }
}

describe('a worker that lies', () => {
  useKit();

  test('in any fields of any frames: its task settles, no other task is harmed, and the reported times are true', async () => {
    const random = new Random(2611);
    const pool = lying();
    const bystander = pool.run('sleep', [600_000]);
    bystander.catch(() => undefined);
    await bystander.started;
    for (let round = 0; round < 60; round += 1) {
      const frames = Array.from({ length: random.integer(1, 4) }, () => frameOf(random));
      const how = random.pick(['return', 'return', 'exit', 'spin', 'wait'] as const);
      const from = Date.now();
      const task = pool.run('forge', [frames, how], { timeoutMs: 150, softTimeoutMs: 50 });
      await task.catch(() => undefined);
      expectPlausible(task.attempts, from);
      expect(task.attempts.length, JSON.stringify(frames)).toBeLessThanOrEqual(1);
      if (round % 10 === 0) expect(await pool.run('add', [round, 1])).toBe(round + 1);
    }
    expect(bystander.state).toBe('running');
    expect(bystander.attempts).toHaveLength(1);
    await bystander.kill();
    await expectUsable(pool as never);
  }, 120_000);

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'that says it started at %s dies of it, and its task rejects though it has time limits',
    async (time) => {
      const pool = lying({ size: 1 });
      const task = pool.run('forge', [[{ type: FrameType.Started, time }], 'wait'], { softTimeoutMs: 20_000, timeoutMs: 30_000 });
      expect(await rejection(task)).toMatchObject({ death: { cause: 'protocol', phase: 'task' } });
      expect(task.attempts).toHaveLength(1);
      await expectUsable(pool as never, 1);
    },
  );

  test.each([-1e300, 0, 1e300])('that says it started at %s does not escape its time limit', async (time) => {
    const pool = lying({ size: 1 });
    const from = Date.now();
    const task = pool.run('forge', [[{ type: FrameType.Started, time }], 'spin'], { timeoutMs: 200 });
    expect(await rejection(task)).toBeInstanceOf(TaskTimeoutError);
    expectPlausible(task.attempts, from);
  });

  test('that claims weeks of run time for a short task adds no more to stats().runMs than the task took', async () => {
    const pool = lying({ size: 1 });
    await pool.run('forge', [[{ type: FrameType.Result, a: 2 ** 32 - 1 }]]);
    expect(pool.stats().runMs.max).toBeLessThan(60_000);
    await expectUsable(pool as never, 1);
  });

  test.each<[string, Frame]>([
    ['of an attempt that it was never sent', { type: FrameType.Result, ahead: 1 }],
    ['of an attempt with a fraction', { type: FrameType.Result, seq: 0.5 }],
    ['of no attempt', { type: FrameType.Result, seq: 0 }],
    ['of progress for no task', { type: FrameType.Progress, ahead: 5, codec: 1, body: '1' }],
    ['of a value of a stream that there is not', { type: FrameType.Value, codec: 1, body: '1' }],
    ['that it skipped what nobody had withdrawn', { type: FrameType.Dropped }],
    ['that it found no offer', { type: FrameType.Starved, seq: 0, a: 1000 }],
    ['that only a parent sends', { type: FrameType.Run }],
    ['that it is ready again', { type: FrameType.Ready, seq: 0, codec: 1, body: '[]' }],
    ['that its boot failed after it was ready', { type: FrameType.BootFailed, seq: 0, codec: 1, body: '{}' }],
    ['of a pong with a body', { type: FrameType.Pong, seq: 0, body: 'much' }],
    ['of a list of names without end', { type: FrameType.Ready, seq: 0, length: 2 ** 31 - 1 }],
  ])('in a message %s dies of it, and no later task does', async (_what, frame) => {
    const pool = lying({ size: 1 });
    const deaths = deathsOf(pool as never);
    const task = pool.run('forge', [[frame], 'wait']);
    const behind = pool.run('add', [1, 2]);
    expect(await rejection(task)).toMatchObject({ death: { cause: 'protocol', phase: 'task' } });
    expect(await behind).toBe(3);
    expect(deaths).toHaveLength(1);
    expect(deaths[0]?.detail).toEqual(expect.any(String));
  });

  test('that answers for a task behind it cannot: that task runs', async () => {
    const pool = lying({ size: 1 });
    // Short: sent ahead.
    for (let index = 0; index < 20; index += 1) await pool.run('add', [index, 1]);
    const task = pool.run('forge', [[{ type: FrameType.Result, ahead: 1, codec: 1, body: '"forged"' }], 'wait']);
    const behind = Array.from({ length: 5 }, (_, index) => pool.run('add', [index, 1]));
    await rejection(task);
    expect(await Promise.all(behind)).toEqual([1, 2, 3, 4, 5]);
  });

  test('that answers for its task and goes on with it: another worker runs the next tasks', async () => {
    const pool = lying({ size: 1, heartbeat: { intervalMs: 50, timeoutMs: 400 } });
    const deaths = deathsOf(pool as never);
    await pool.run('forge', [[{ type: FrameType.Result }], 'wait']);
    const after = await Promise.all(Array.from({ length: 5 }, (_, index) => pool.run('add', [index, 1])));
    expect(after).toEqual([1, 2, 3, 4, 5]);
    expect(deaths).toMatchObject([{ cause: 'unresponsive', phase: 'idle' }]);
    await expectUsable(pool as never, 1);
  });

  test.each<[string, string]>([
    ['a text', '"abc"'],
    ['numbers', '[1,2]'],
    ['odd objects', '[{"toString":1}]'],
    ['nothing', 'null'],
    ['an object', '{"length":3}'],
  ])('that is ready with %s as its exports fails its boot, with a readable error', async (_what, body) => {
    const pool = lying({ size: 1, workerData: [{ type: FrameType.Ready, codec: 1, body }], restart: { intensity: 1, probeMs: false } });
    expect(await rejection(pool.run('add', [1, 2]))).toMatchObject({ code: 'ERR_EVERPOOL_BROKEN' });
  });

  test('that reports items of a chunk that it was not sent dies of it; every item settles', async () => {
    const pool = lying({ size: 1 });
    for (const body of [
      '[0,1000000,[]]',
      '[-1,1,[]]',
      '[0,["a","b","c","d","e"],[]]',
      '[0,["a"],7]',
      '[0,["a"],[[0,null]]]',
      '"portion"',
    ]) {
      const frames: Frame[][] = [[], [{ type: FrameType.Value, codec: 1, body }], [], []];
      const outcomes = await pool.map('forge', frames, { chunkSize: 4, retries: 1, onError: 'continue' }).settled();
      expect(outcomes).toHaveLength(4);
    }
    await expectUsable(pool as never, 1);
  });
});
