/** The stream of a generator task: its values, one by one, as the reader takes them. */
import { ProtocolError } from '../../ipc/frame.js';
import { MOST_BYTES, PORTION_VALUES, StreamWindow } from '../../ipc/stream-window.js';
import { EverpoolError } from '../../shared/errors.js';
import { ignore } from '../../shared/ignore.js';
import { custom, line, quoted } from '../../shared/inspection.js';
import type { TaskRecord } from '../task/task-record.js';
import type { Task } from './task.js';

/**
 * The values of a generator task, one by one. The worker is at most 16 values (or 1 MiB) ahead of
 * the reader, and then waits.
 *
 * Leaving the iteration ends the task: the generator's `finally` runs in the worker, which is
 * killed if the task still runs after the pool's `graceMs`. If the worker dies, the iteration
 * returns the values that had come and then rejects. The task starts again, within its `retries`,
 * only until its first value is taken. A stream can be iterated once; a second iteration throws an
 * EverpoolError (code ERR_EVERPOOL_BATCH).
 *
 * @example
 * for await (const row of pool.stream('parse', ['big.csv'])) console.log(row);
 */
export interface TaskStream<Y> extends AsyncIterable<Y> {
  /**
   * The task of the generator. Its rejection counts as handled, because the iteration throws it.
   * @example await stream.task.kill('enough')
   */
  readonly task: Task<void>;
}

/** The values that came and are not taken. */
export class StreamSink {
  /** The record of the task; undefined if the task was refused. */
  record: TaskRecord | undefined;
  /** The number of values that the reader has taken. */
  taken = 0;
  readonly #values: unknown[] = [];
  #unreported = 0; // taken, and not yet reported to the worker
  readonly #window = new StreamWindow(MOST_BYTES);
  #end: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;
  #isClosed = false; // nobody takes any more values

  /** Then the task cannot start again, as the reader would get its first values twice. */
  get hasTaken(): boolean {
    return this.taken > 0;
  }

  /** @throws ProtocolError when the worker does not wait for its reader (G12) */
  put(value: unknown, bytes: number): void {
    if (this.#window.isFull) throw new ProtocolError('more values than the window of the stream allows');
    this.#window.sent(bytes);
    if (this.#isClosed) return;
    this.#values.push(value);
    this.#wake?.();
  }

  /** The attempt has failed, and another follows. */
  lost(): void {
    this.#values.length = 0;
    this.#unreported = 0;
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
      this.taken += 1;
      this.#reportTaken();
      return { done: false, value };
    }
    const end = this.#end as { readonly error?: unknown };
    this.#end = {}; // it rejects once, as a generator does
    if ('error' in end) throw end.error;
    return { done: true, value: undefined };
  }

  #reportTaken(): void {
    this.#unreported += 1;
    const { lease } = this.record ?? {};
    // In portions; but immediately when no value is left, as a few large values may fill the
    // window.
    const isDue = this.#unreported >= PORTION_VALUES || this.#values.length === 0;
    if (!isDue || lease?.holder === undefined) return;
    lease.holder.sendTaken(lease, this.#unreported);
    this.#window.taken(this.#unreported);
    this.#unreported = 0;
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
    if (!(#sink in this)) return 'TaskStream {}';
    const { id, name, state } = this.task;
    const { taken } = this.#sink;
    const values = taken === 1 ? '1 value taken' : `${taken} values taken`;
    return line(`TaskStream${id === 0 ? '' : ` ${id}`} ${quoted(name)}`, state, values);
  }

  [Symbol.asyncIterator](): AsyncIterator<Y> {
    if (this.#isUsed) throw new EverpoolError('a stream can be iterated once', 'ERR_EVERPOOL_BATCH');
    this.#isUsed = true;
    const sink = this.#sink;
    // Reads run one after the other, even if `next` is called several times at once.
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
