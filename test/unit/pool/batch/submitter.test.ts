/** The engine of a batch over a submitter that is no pool, and settles what the test says. */
import { describe, expect, test } from 'vitest';
import { decode, type Encoded } from '../../../../src/ipc/codec/codec.js';
import { BatchHandle } from '../../../../src/pool/batch/batch.js';
import { BatchRun } from '../../../../src/pool/batch/batch-run.js';
import { type Source, sourceOf, type ToArgs } from '../../../../src/pool/batch/input.js';
import type { BatchTask, EndKind, ItemSettler, Submitter, TaskEnd } from '../../../../src/pool/batch/submitter.js';
import { Events } from '../../../../src/pool/events.js';
import { noTaskOptions, type ResolvedTaskOptions, resolveMapOptions } from '../../../../src/pool/options/task-options.js';
import type { MapOptions } from '../../../../src/pool/types.js';
import { Waiters } from '../../../../src/pool/waiters.js';
import { deferred } from '../../../../src/shared/deferred.js';
import { type EverpoolError, PoolClosedError, TaskCancelledError, UnknownTaskError } from '../../../../src/shared/errors.js';
import { NodeClock } from '../../../../src/shared/node-clock.js';
import { counted, settle } from '../../../kit/batch.js';

class ScriptedTask implements BatchTask {
  readonly item: unknown;
  readonly index: number;
  readonly options: ResolvedTaskOptions;
  readonly settler: ItemSettler;
  state: 'queued' | 'running' | 'over' = 'queued';

  constructor(index: number, item: unknown, options: ResolvedTaskOptions, settler: ItemSettler) {
    this.index = index;
    this.item = item;
    this.options = options;
    this.settler = settler;
  }
  get isWithWorker(): boolean {
    return this.state === 'running';
  }
  get isRunning(): boolean {
    return this.state === 'running';
  }
}

class ScriptedSubmitter implements Submitter {
  readonly id = 'nightly';
  readonly name = 'resize';
  readonly clock = new NodeClock();
  readonly events = new Events(this.clock);
  readonly waiters = new Waiters(this.clock);
  readonly tasksAhead = 3;
  isOpen = true;
  limit = Number.POSITIVE_INFINITY;
  exports: readonly string[] = ['resize'];
  /** Outcomes that are known before, by index. */
  readonly known = new Map<number, { value: unknown } & TaskEnd>();
  readonly tasks: ScriptedTask[] = [];
  readonly ends: [item: unknown, how: EndKind, reason: unknown][] = [];

  get hasCapacity(): boolean {
    return this.isOpen && this.open.length < this.limit;
  }
  get open(): ScriptedTask[] {
    return this.tasks.filter(({ state }) => state !== 'over');
  }
  get items(): unknown[] {
    return this.open.map(({ item }) => item);
  }
  refusal(): Error | undefined {
    return this.isOpen ? undefined : new PoolClosedError('no more');
  }
  unknownName(): Error | undefined {
    return this.exports.includes(this.name)
      ? undefined
      : new UnknownTaskError(`no ${this.name}`, { taskName: this.name, exports: this.exports });
  }
  submit(index: number, { codec, body }: Encoded, options: ResolvedTaskOptions, settler: ItemSettler): ScriptedTask {
    const [item] = decode(codec, Buffer.from(body as Buffer), []) as unknown[];
    const task = new ScriptedTask(index, item, options, settler);
    this.tasks.push(task);
    const known = this.known.get(index);
    if (known !== undefined) this.#settle(task, () => settler.resolve(known.value, known));
    return task;
  }
  async end(task: ScriptedTask, how: EndKind, reason: unknown): Promise<void> {
    if (task.state === 'over') return;
    this.ends.push([task.item, how, reason]);
    const error = how === 'abort' ? reason : new TaskCancelledError('ended', { reason, forced: how === 'kill' });
    this.#settle(task, () => task.settler.reject(error, { starts: 0, tookMs: 0, isCancelled: true }));
  }

  resolve(item: unknown, value: unknown = item): void {
    const task = this.#find(item);
    this.#settle(task, () => task.settler.resolve(value, { starts: 1, tookMs: 5, isCancelled: false }));
  }
  reject(item: unknown, reason: unknown): void {
    const task = this.#find(item);
    this.#settle(task, () => task.settler.reject(reason, { starts: 2, tookMs: 5, isCancelled: false }));
  }
  run(item: unknown): void {
    this.#find(item).state = 'running';
  }
  close(): void {
    this.isOpen = false;
    this.waiters.check();
  }
  #find(item: unknown): ScriptedTask {
    const task = this.open.find((one) => one.item === item);
    if (task === undefined) throw new Error(`${String(item)} is not in flight`);
    return task;
  }
  #settle(task: ScriptedTask, act: () => void): void {
    task.state = 'over';
    act();
    this.waiters.check();
  }

  map(items: Iterable<unknown> | AsyncIterable<unknown>, options?: MapOptions, toArgs?: ToArgs): BatchHandle<unknown, string> {
    const resolved = resolveMapOptions(options, noTaskOptions);
    return new BatchHandle(this.id, new BatchRun(this, sourceOf(items) as Source, toArgs, resolved));
  }
}

async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it resolved');
}

describe('a batch over any submitter', () => {
  test('submits each item with its index, and resolves in the order of the items', async () => {
    const submitter = new ScriptedSubmitter();
    const all = submitter.map(['a', 'b', 'c']).then((values) => values);
    expect(submitter.tasks.map(({ index, item }) => [index, item])).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ]);
    for (const item of ['c', 'a', 'b']) submitter.resolve(item, item.toUpperCase());
    expect(await all).toEqual(['A', 'B', 'C']);
  });

  test('each item is a task of its own, whatever the chunk size', () => {
    const submitter = new ScriptedSubmitter();
    void submitter.map([1, 2, 3], { chunkSize: 3, retries: 1 });
    expect(submitter.items).toEqual([1, 2, 3]);
  });

  test('reports the attempts and the duration that the submitter reports', async () => {
    const submitter = new ScriptedSubmitter();
    const outcomes = submitter.map([1, 2]).outcomes()[Symbol.asyncIterator]();
    submitter.resolve(1);
    submitter.reject(2, 'no');
    expect((await outcomes.next()).value).toMatchObject({ index: 0, status: 'fulfilled', value: 1, attempts: 1, ms: 5 });
    expect((await outcomes.next()).value).toMatchObject({ index: 1, status: 'rejected', reason: 'no', attempts: 2, ms: 5 });
  });

  test('a known outcome settles its item without a start, with the attempts of then', async () => {
    const submitter = new ScriptedSubmitter();
    submitter.known.set(1, { value: 'known', starts: 3, tookMs: 7, isCancelled: false });
    const outcomes = submitter.map([0, 1], { ordered: false }).outcomes()[Symbol.asyncIterator]();
    expect((await outcomes.next()).value).toMatchObject({ index: 1, value: 'known', attempts: 3, ms: 7 });
    submitter.resolve(0);
    expect((await outcomes.next()).value).toMatchObject({ index: 0, value: 0 });
    expect((await outcomes.next()).done).toBe(true);
  });

  test('the first failure cancels the rest: those that wait before those that run', async () => {
    const submitter = new ScriptedSubmitter();
    const { items, seen } = counted();
    const error = rejection(submitter.map(items, { bufferSize: 4 }));
    submitter.run(1);
    submitter.reject(2, 'no');
    expect(await error).toBe('no');
    expect(submitter.ends.map(([item, how]) => [item, how])).toEqual([
      [0, 'cancel'],
      [3, 'cancel'],
      [1, 'cancel'],
    ]);
    expect(seen).toEqual({ pulled: 4, returned: 1 });
  });

  test('reads as far ahead as bufferSize, or as the submitter wishes', async () => {
    for (const [options, ahead] of [[{ bufferSize: 2 }, 2] as const, [undefined, 3] as const]) {
      const submitter = new ScriptedSubmitter();
      const { items, seen } = counted();
      const values = submitter.map(items, options)[Symbol.asyncIterator]();
      expect(seen.pulled).toBe(ahead);
      submitter.resolve(0);
      await settle();
      expect(seen.pulled).toBe(ahead);
      expect(await values.next()).toEqual({ done: false, value: 0 });
      await settle();
      expect(seen.pulled).toBe(ahead + 1);
    }
  });

  test('waits while the submitter is full, and goes on when it has room', async () => {
    const submitter = new ScriptedSubmitter();
    submitter.limit = 1;
    const all = submitter.map([0, 1, 2]).then((values) => values);
    for (const item of [0, 1, 2]) {
      expect(submitter.items).toEqual([item]);
      submitter.resolve(item);
      await settle();
    }
    expect(await all).toEqual([0, 1, 2]);
  });

  test('rejects with the refusal of a submitter that closes, when what is in flight has settled', async () => {
    const submitter = new ScriptedSubmitter();
    const error = rejection(submitter.map(counted().items, { bufferSize: 1 }));
    submitter.close();
    submitter.resolve(0);
    expect(await error).toBeInstanceOf(PoolClosedError);
  });

  test('an unknown name rejects each item, and nothing is submitted', async () => {
    const submitter = new ScriptedSubmitter();
    submitter.exports = [];
    const outcomes = await submitter.map([1, 2]).settled();
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(submitter.tasks).toEqual([]);
  });

  test.each(['cancel', 'kill'] as const)('%s ends what is in flight, and what is submitted meanwhile', async (how) => {
    const submitter = new ScriptedSubmitter();
    let ended: Promise<void> | undefined;
    const isEncoding = deferred<void>();
    // The getter runs while the arguments are encoded, just before the item is submitted.
    const item = {
      get value() {
        ended = batch[how]('enough');
        isEncoding.resolve();
        return 'late';
      },
    };
    const batch = submitter.map(
      (async function* () {
        yield 'early';
        yield item;
      })(),
    );
    const error = rejection(batch);
    await isEncoding.promise;
    await ended;
    expect(await error).toBeInstanceOf(TaskCancelledError);
    expect(submitter.items).toEqual([]);
    expect(submitter.ends).toEqual([
      ['early', how, 'enough'],
      [{ value: 'late' }, how, 'enough'],
    ]);
  });

  test('a signal ends its tasks by `abort`, and none of them has a signal of its own', async () => {
    const submitter = new ScriptedSubmitter();
    const controller = new AbortController();
    const error = rejection(submitter.map([0, 1], { signal: controller.signal }));
    controller.abort('stop');
    expect(await error).toBe('stop');
    expect(submitter.ends).toEqual([
      [0, 'abort', 'stop'],
      [1, 'abort', 'stop'],
    ]);
    expect(submitter.tasks.map(({ options }) => options.signal)).toEqual([undefined, undefined]);
  });

  test('has the id of its submitter, and its errors name it', async () => {
    const submitter = new ScriptedSubmitter();
    const batch = submitter.map([0]);
    expect(batch.id).toBe('nightly');
    const error = rejection(batch);
    expect(batch.progress).toMatchObject({ total: 1, done: 0, running: 0 });
    submitter.run(0);
    expect(batch.progress.running).toBe(1);
    await batch.cancel();
    expect(((await error) as EverpoolError).message).toMatch(/^batch nightly \(resize\) was cancelled/);
  });
});
