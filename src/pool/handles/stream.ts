/** The stream of a generator task: its values one by one, as they are taken. */
import { ProtocolError } from '../../ipc/frame.js';
import { MOST_BYTES, PORTION_VALUES, StreamWindow } from '../../ipc/stream-window.js';
import { EverpoolError } from '../../shared/errors.js';
import { ignore } from '../../shared/ignore.js';
import { custom } from '../../shared/inspection.js';
import type { TaskRecord } from '../task/task-record.js';
import type { Task } from './task.js';

/**
 * What a generator task yields, one by one. The worker is at most 16 values (or 1 MiB) ahead of the reader, and waits.
 *
 * Leaving the iteration ends the task: the generator's `finally` runs in the worker, and the pool's `graceMs` later its worker is
 * killed if it still runs. If the worker dies, the iteration gives what had come and then rejects; the task is started again, within
 * its `retries`, only before the first value was taken. A stream can be iterated once.
 */
export interface TaskStream<Y> extends AsyncIterable<Y> {
  /** The task behind it. It counts as handled: the iteration tells what it rejects with. */
  readonly task: Task<void>;
}

/** The values that came and are not taken. */
export class StreamSink {
  /** Of the task; undefined if it was refused. */
  record: TaskRecord | undefined;
  /** From then on it cannot be started again: the reader would see its first values twice. */
  hasTaken = false;
  readonly #values: unknown[] = [];
  #untold = 0; // taken, and the worker does not know it
  readonly #window = new StreamWindow(MOST_BYTES);
  #end: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;
  #isClosed = false; // nobody takes any more

  /** @throws ProtocolError when the worker does not wait for its reader (G12) */
  put(value: unknown, bytes: number): void {
    if (this.#window.isFull) throw new ProtocolError('more values of a stream than its reader has room for');
    this.#window.sent(bytes);
    if (this.#isClosed) return;
    this.#values.push(value);
    this.#wake?.();
  }

  /** The attempt has failed, and another follows. */
  lost(): void {
    this.#values.length = 0;
    this.#untold = 0;
    this.#window.clear();
  }

  end(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<unknown>> {
    while (this.#values.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#values.length > 0) {
      const value = this.#values.shift();
      this.hasTaken = true;
      this.#tell();
      return { done: false, value };
    }
    const end = this.#end as { readonly error?: unknown };
    this.#end = {}; // it rejects once, as a generator does
    if ('error' in end) throw end.error;
    return { done: true, value: undefined };
  }

  #tell(): void {
    this.#untold += 1;
    const { lease } = this.record ?? {};
    // In portions; and at once where none is left: a few large values may fill the window.
    const isDue = this.#untold >= PORTION_VALUES || this.#values.length === 0;
    if (!isDue || lease?.holder === undefined) return;
    lease.holder.sendTaken(lease, this.#untold);
    this.#window.taken(this.#untold);
    this.#untold = 0;
  }

  /** Nobody takes any more. */
  close(): void {
    this.#values.length = 0;
    this.#isClosed = true;
    this.#end = {};
    this.#wake?.();
  }
}

export class TaskStreamHandle<Y> implements TaskStream<Y> {
  readonly task: Task<void>;
  readonly #sink: StreamSink;
  #isUsed = false;

  constructor(task: Task<void>, sink: StreamSink) {
    this.task = task;
    this.#sink = sink;
    Promise.prototype.then.call(
      task,
      () => sink.end({}),
      (error: unknown) => sink.end({ error }),
    );
  }

  /** @internal */
  [custom](): string {
    return #sink in this ? `TaskStream of ${this.task[custom]()}` : 'TaskStream {}';
  }

  [Symbol.asyncIterator](): AsyncIterator<Y> {
    if (this.#isUsed) throw new EverpoolError('a stream can be iterated once', 'ERR_EVERPOOL_BATCH');
    this.#isUsed = true;
    const sink = this.#sink;
    // One reading after the other, also if they are asked for at once.
    let last: Promise<unknown> = Promise.resolve();
    return {
      next: () => {
        const next = last.then(() => sink.next());
        last = next.catch(ignore);
        return next as Promise<IteratorResult<Y>>;
      },
      return: async () => {
        sink.close();
        await this.task.cancel('the iteration over its stream was left');
        return { done: true, value: undefined };
      },
    };
  }
}
