/** A real worker process without a pool: its tasks, its boot and its end. */
import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encode } from '../../src/ipc/codec/codec.js';
import { Flag, FrameType } from '../../src/ipc/frame.js';
import { abortMessage } from '../../src/ipc/messages.js';
import { context, isWorker, onStart, onStop } from '../../src/worker/index.js';
import { type Start, WorkerProcess } from '../fixtures/worker/worker-process.js';

let workers: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.dispose()));
  workers = [];
});

async function started(options: Start = { module: 'process-tasks.ts' }): Promise<WorkerProcess> {
  const worker = new WorkerProcess(options);
  workers.push(worker);
  await worker.ready();
  return worker;
}
describe('a worker process', () => {
  let worker: WorkerProcess;
  beforeAll(async () => {
    worker = new WorkerProcess({ module: 'process-tasks.ts', workerData: { a: new Map([[1, 2]]) } });
    await worker.ready();
  });
  afterAll(() => worker.dispose());

  it('runs tasks of its module, and knows their context after an await', async () => {
    const about = worker.run('about');
    const afterAwait = worker.run('afterAwait');
    const echo = worker.run('echo', [new Date(5), 'ü']);
    expect((await worker.reply(about)).value).toMatchObject({
      isWorker: true,
      data: { a: new Map([[1, 2]]) },
      title: expect.stringContaining('mill'),
      argv1: expect.stringContaining('entry'),
      attempt: 1,
    });
    expect((await worker.reply(afterAwait)).value).toBe(afterAwait + 100);
    expect((await worker.reply(echo)).value).toEqual([new Date(5), 'ü']);
    expect(worker.started()).toBe(echo);
  });

  it('never starts an attempt that was recalled, and reports it if a later one was offered', async () => {
    const first = worker.run('waitsForAbort', [], Flag.WantStarted);
    const second = worker.run('spins');
    const third = worker.run('echo', [1]);
    await worker.reply(first, FrameType.Started);
    expect(worker.withdraw(second)).toBe(true);
    expect(worker.withdraw(first)).toBe(false);
    worker.give(abortMessage(0, first, 'cancel', 0));
    await worker.reply(second, FrameType.Dropped);
    expect((await worker.reply(third)).value).toEqual([1]);
  });

  it('claims no more than it runs, and forgets the last one when it is recalled', async () => {
    const first = worker.run('waitsForAbort', [], Flag.WantStarted);
    const second = worker.run('spins');
    await worker.reply(first, FrameType.Started);
    expect(worker.started()).toBe(first);
    expect(worker.withdraw(second)).toBe(true);
    worker.give(abortMessage(0, first, 'cancel', 0));
    await worker.reply(first);
    expect((await worker.reply(worker.run('echo', [2]))).value).toEqual([2]);
    expect(worker.messages.filter(({ type, seq }) => seq === second || type === FrameType.Starved)).toEqual([]);
  });

  it('sees an abort in the control file while it spins, and one on the channel while it waits', async () => {
    const spins = worker.run('spinsUntilAborted', [], Flag.WantStarted);
    await worker.reply(spins, FrameType.Started);
    worker.controlFile.abort(spins, 'soft-timeout');
    expect((await worker.reply(spins)).value).toBe('ERR_EVERPOOL_TIMEOUT');
    const waits = worker.run('waitsForAbort');
    worker.give(abortMessage(0, waits, 'cancel', 0), encode('enough'));
    expect((await worker.reply(waits)).value).toBe('enough');
  });

  it('runs functions by their source, which may import', async () => {
    const seq = worker.run('exec', ['async (path) => (await import("node:path")).basename(path)', ['/a/b']], Flag.Exec);
    expect((await worker.reply(seq)).value).toBe('b');
  });

  it('sends a large result whole to a parent that reads late', async () => {
    worker.output.pause();
    const first = worker.run('big', [5_000_000]);
    let last = first;
    while (last < first + 500) last = worker.run('echo', [last]);
    while (worker.started() < first) await new Promise((resolve) => setTimeout(resolve, 5));
    worker.output.resume();
    expect((await worker.reply(last)).value).toEqual([last - 1]);
    expect(((await worker.reply(first)).value as Buffer).equals(Buffer.alloc(5_000_000, 7))).toBe(true);
    const order = worker.messages.filter(({ type, seq }) => type === FrameType.Result && seq >= first).map(({ seq }) => seq);
    expect(order).toEqual(Array.from({ length: 501 }, (_, index) => first + index));
  });

  it('receives large arguments whole, and keeps them', async () => {
    const values = [Buffer.alloc(3_000_000, 1), 'x'.repeat(200_000), Buffer.alloc(100_000, 2)];
    const big = worker.run('echo', values);
    const small = worker.run('echo', ['small']);
    // ToEqual takes seconds for megabytes.
    expect(isDeepStrictEqual((await worker.reply(big)).value, values)).toBe(true);
    expect((await worker.reply(small)).value).toEqual(['small']);
  });

  it('refuses a start hook once it has started', async () => {
    expect((await worker.reply(worker.run('lateHook'))).value).toMatchObject({ code: 'ERR_EVERPOOL_TOO_LATE' });
  });
});

describe('the boot of a worker process', () => {
  it('puts what its module threw into stderr and ends with 1', async () => {
    const worker = await started({ module: 'fails-to-boot.ts' });
    expect(await worker.ready()).toBeInstanceOf(RangeError);
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.stderr).toMatch(/RangeError: this module never boots\n +at .*fails-to-boot/);
  });

  it('takes the members of a CommonJS module', async () => {
    const worker = await started({ module: 'exports-object.cjs' });
    expect(new Set((await worker.ready()) as string[])).toEqual(new Set(['one', 'two', 'three']));
    expect((await worker.reply(worker.run('three'))).value).toBe(3);
  });

  it('needs no module', async () => {
    const worker = await started({});
    expect(await worker.ready()).toEqual([]);
  });
});

describe('the end of a worker process', () => {
  const withHook = (): Promise<WorkerProcess> => started({ module: 'process-tasks.ts', hasStopHook: true });

  it('runs the stop hooks and exits with 0 when the parent asks it to leave', async () => {
    const worker = await withHook();
    worker.give({ type: FrameType.Leave });
    expect(await worker.ended).toEqual({ code: 0, signal: null });
    expect(existsSync(worker.stopFile)).toBe(true);
  });

  it('runs the stop hooks on SIGTERM and then ends by it', async () => {
    const worker = await withHook();
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toEqual({ code: null, signal: 'SIGTERM' });
    expect(existsSync(worker.stopFile)).toBe(true);
  });

  it('runs the stop hooks when the parent has ended', async () => {
    const worker = await withHook();
    worker.input.destroy();
    expect(await worker.ended).toEqual({ code: 0, signal: null });
    expect(existsSync(worker.stopFile)).toBe(true);
  });

  it('follows immediately when the parent has ended and a task waits', async () => {
    const worker = await withHook();
    await worker.reply(worker.run('waitsForAbort', [], Flag.WantStarted), FrameType.Started);
    worker.input.destroy();
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(existsSync(worker.stopFile)).toBe(false);
  });

  it('is by SIGTERM while it spins without a stop hook, and its control file has the claim', async () => {
    const worker = await started();
    const spins = worker.run('spins', [], Flag.WantStarted);
    worker.run('echo');
    await worker.reply(spins, FrameType.Started);
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toEqual({ code: null, signal: 'SIGTERM' });
    expect(worker.started()).toBe(spins);
  });

  it('follows an unhandled rejection, as in every Node process', async () => {
    const worker = await started();
    const seq = worker.run('rejectsLater');
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.stderr).toContain('nobody waits for this');
    expect((await worker.reply(seq)).message.type).toBe(FrameType.Result);
  });

  it('follows when its task closes the channel', async () => {
    const worker = await started();
    worker.run('closesTheChannel');
    expect((await worker.ended).code).toBe(1);
    expect(worker.stderr).toContain('EBADF');
  });

  it('follows when nobody reads its results any more', async () => {
    const worker = await started();
    worker.output.destroy();
    worker.run('echo');
    expect((await worker.ended).code).toBe(1);
    expect(worker.stderr).toBe('');
  });
});

describe('everpool/worker outside of a worker', () => {
  it('ignores hooks, checks them, and has no context', () => {
    expect(isWorker).toBe(false);
    expect(() => onStart(() => undefined)).not.toThrow();
    expect(() => onStop(() => undefined)).not.toThrow();
    expect(() => onStart('x' as never)).toThrow(expect.objectContaining({ code: 'ERR_EVERPOOL_OPTIONS' }));
    expect(() => onStop(null as never)).toThrow('expected a function, got null');
    expect(() => context()).toThrow('not an everpool worker');
  });
});
