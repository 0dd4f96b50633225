/** Workers that lie: whatever one writes to its channel or its note, each task settles, no other worker's task is harmed, and the pool goes on. */
import { join } from 'node:path';
import type { Attempt, Death, Pool, PoolOptions } from 'everpool';
import { TaskTimeoutError, WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { CONFIRMATION_OF_0 } from '../../../src/ipc/control-file-layout.js';
import { FrameType } from '../../../src/ipc/frame.js';
import { Random } from '../../../src/testing/random.js';
import { expectUsable, fixture, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

/** What a forger writes; what is left out is as a worker would write it. */
interface Frame {
  type: number;
  seq?: number;
  /** Added to the number of the running attempt. */
  ahead?: number;
  time?: number;
  a?: number;
  b?: number;
  codec?: number;
  flags?: number;
  body?: string | Buffer;
  length?: number;
  attachments?: number;
}
type How = 'return' | 'exit' | 'spin' | 'wait';

interface Forgers {
  add(a: number, b: number): number;
  sleep(ms: number): Promise<number>;
  mark(file: string, line: string, ms?: number): string;
  pid(): number;
  forge(frames: Frame[], how?: How): string;
  flood(frame: Frame): void;
  scribble(what: { bytes?: Buffer; own?: number; at?: number; cut?: number }, how?: How): string;
  count(from: number, to: number): Generator<number>;
}

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
const bytesOf = (...numbers: number[]): Buffer => Buffer.from(Float64Array.from(numbers).buffer);

function frameOf(random: Random): Frame {
  const frame: Frame = { type: random.chance(0.8) ? random.integer(30, 39) : random.integer(0, 45) };
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

/** Of a task whose worker lied: nothing lies outside of what the parent saw itself. */
function expectPlausible(attempts: readonly Attempt[], from: number): void {
  for (const { startedAt, endedAt } of attempts) {
    expect(startedAt).toBeGreaterThanOrEqual(from - 1);
    expect(endedAt ?? startedAt).toBeGreaterThanOrEqual(startedAt);
    expect(endedAt ?? startedAt).toBeLessThanOrEqual(Date.now() + 5);
  }
}

function deathsOf(pool: Pool<never>): Death[] {
  const deaths: Death[] = [];
  pool.on('workerDied', ({ death }) => deaths.push(death));
  return deaths;
}

describe('a worker that lies', () => {
  useKit();

  const lying = (options: PoolOptions = {}) =>
    newPool<Forgers>({ module: fixture('forges.js'), restart: { intensity: 10_000, backoff: { initialMs: 0 } }, ...options });

  test('in any fields of any frames: its task settles, the tasks of others are not harmed, and the times that are told are true', async () => {
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

  test('that claims a run time of an hour for a task of a millisecond does not change what its name is taken for by more than it lasted', async () => {
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
    ['that it dropped what nobody had revoked', { type: FrameType.Dropped }],
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

  test('with what it sends ahead of its own start, as if a task behind it had ended, cannot answer for that', async () => {
    const pool = lying({ size: 1 });
    for (let index = 0; index < 20; index += 1) await pool.run('add', [index, 1]); // short: sent ahead
    const task = pool.run('forge', [[{ type: FrameType.Result, ahead: 1, codec: 1, body: '"forged"' }], 'wait']);
    const behind = Array.from({ length: 5 }, (_, index) => pool.run('add', [index, 1]));
    await rejection(task);
    expect(await Promise.all(behind)).toEqual([1, 2, 3, 4, 5]);
  });

  test('that answers for its task and goes on with it: what it is sent then is run by another', async () => {
    const pool = lying({ size: 1, heartbeat: { intervalMs: 50, timeoutMs: 400 } });
    const deaths = deathsOf(pool as never);
    await pool.run('forge', [[{ type: FrameType.Result }], 'wait']);
    const after = await Promise.all(Array.from({ length: 5 }, (_, index) => pool.run('add', [index, 1])));
    expect(after).toEqual([1, 2, 3, 4, 5]);
    expect(deaths).toMatchObject([{ cause: 'unresponsive', phase: 'idle' }]);
    await expectUsable(pool as never, 1);
  });

  const NOTES: [string, Parameters<Forgers['scribble']>[0]][] = [
    ['8 bytes of garbage', { bytes: Buffer.from('garbage!') }],
    ['16 bytes of garbage', { bytes: Buffer.from('garbage garbage!') }],
    ['not a number', { bytes: bytesOf(Number.NaN, Number.NaN) }],
    ['8 zeros', { bytes: Buffer.alloc(8) }],
    ['16 zeros', { bytes: Buffer.alloc(16) }],
    ['zeros over all of it', { bytes: Buffer.alloc(16_448) }],
    ['the number before', { own: -1 }],
    ['the number after', { own: 1 }],
    ['a confirmed number far beyond', { bytes: bytesOf(1e6, CONFIRMATION_OF_0 - 1e6) }],
    ['a confirmed fraction', { bytes: bytesOf(0.5, CONFIRMATION_OF_0 - 0.5) }],
    ['a confirmed number that an answered attempt has passed', { bytes: bytesOf(0, CONFIRMATION_OF_0) }],
    ['nothing: it is cut off', { cut: 0 }],
  ];

  test.each(NOTES)('in its note (%s), and dies: the task had started, once, and the death is a protocol death', async (_what, what) => {
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

  test.each(NOTES)('in its note (%s), and spins: its time limit, its kill and killTasks all end it', async (_what, what) => {
    const pool = lying({ size: 1 });
    await pool.run('add', [1, 1]);
    const limited = pool.run('scribble', [what, 'spin'], { timeoutMs: 100 });
    expect((await rejection(limited))['code']).toMatch(/^ERR_EVERPOOL_(TIMEOUT|WORKER_DIED)$/);
    await pool.run('add', [1, 1]);
    const killed = pool.run('scribble', [what, 'spin']);
    killed.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50)); // it may have started, or not: both must end
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

  test('in its note, with crash retries, starts the task again as often as these allow, and not once more', async () => {
    const pool = lying({ size: 1 });
    const task = pool.run('scribble', [{ bytes: Buffer.alloc(16) }, 'exit'], { retries: { crash: 2 } });
    expect(await rejection(task)).toBeInstanceOf(WorkerDiedError);
    expect(task.attempts).toHaveLength(3);
  });

  test('and gives more values of a stream than there is room for dies of it, and costs the parent no memory', async () => {
    const pool = lying({ size: 1 });
    const deaths = deathsOf(pool as never);
    const before = process.memoryUsage();
    const stream = pool.stream('flood' as never, [{ type: FrameType.Value, codec: 1, body: JSON.stringify('x'.repeat(60_000)) }] as never);
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    await until('its worker dies', () => deaths.length > 0);
    expect(deaths[0]).toMatchObject({ cause: 'protocol' });
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(100e6);
    await reader.return?.();
    await expectUsable(pool as never, 1);
  });

  test('that floods the parent with progress does not fill it', async () => {
    const pool = lying({ size: 1 });
    let heard = 0;
    const before = process.memoryUsage();
    const task = pool.run('flood', [{ type: FrameType.Progress, codec: 1, body: JSON.stringify('x'.repeat(10_000)) }], {
      onProgress: () => {
        heard += 1;
      },
    });
    task.catch(() => undefined);
    await until('much has come', () => heard > 20_000);
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(150e6);
    await task.kill();
    await expectUsable(pool as never, 1);
  });

  test('that announces bodies of two gibibytes is given no memory for them', async () => {
    const pool = lying({ size: 4 });
    const before = process.memoryUsage();
    const body = Buffer.alloc(200_000);
    const tasks = Array.from({ length: 4 }, () =>
      pool.run('forge', [[{ type: FrameType.Result, length: 2 ** 31 - 1, body }], 'wait'], { timeoutMs: 500 }),
    );
    await Promise.race(tasks).catch(() => undefined);
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(100e6);
    await Promise.allSettled(tasks);
    await expectUsable(pool as never, 4);
  });

  test.each<[string, string]>([
    ['a text', '"abc"'],
    ['numbers', '[1,2]'],
    ['odd objects', '[{"toString":1}]'],
    ['nothing', 'null'],
    ['an object', '{"length":3}'],
  ])('that is ready with exports that are %s is a failed boot, and breaks no error message', async (_what, body) => {
    const pool = lying({ size: 1, workerData: [{ type: FrameType.Ready, codec: 1, body }], restart: { intensity: 1, probeMs: false } });
    expect(await rejection(pool.run('add', [1, 2]))).toMatchObject({ code: 'ERR_EVERPOOL_BROKEN' });
  });

  test('that tells of items of a chunk which it was not sent dies of it; the items settle, each as often as it may start', async () => {
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

describe('the note of a worker that does not lie', () => {
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
