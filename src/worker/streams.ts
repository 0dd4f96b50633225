/**
 * Sends the values of generator tasks one by one, as far ahead of their reader as the window
 * allows.
 */

import { describe } from '../ipc/codec/codec.js';
import { StreamWindow } from '../ipc/stream-window.js';
import type { Attempt } from './attempt.js';
import type { Runner } from './runner.js';

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** The window of one stream, which the generator waits for while it is full. */
class Outflow extends StreamWindow {
  #wake: (() => void) | undefined;

  override taken(count: number): void {
    super.taken(count);
    this.wake();
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Resolves when `isFull` may have changed, or the attempt is cancelled. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

export class Streams {
  readonly #runner: Runner;
  readonly #outflows = new Map<number, Outflow>();

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /** The reader has taken `count` values. */
  taken(seq: number, count: number): void {
    this.#outflows.get(seq)?.taken(count);
  }

  /**
   * Sends the values that the generator yields; resolves when it ends, and rejects with what it
   * throws.
   */
  async drive(attempt: Attempt, made: unknown): Promise<void> {
    const { platform, replies, current } = this.#runner;
    const iterator = iteratorOf(await made);
    const outflow = new Outflow();
    this.#outflows.set(attempt.seq, outflow);
    attempt.onCancel = () => outflow.wake();
    let isDone = false;
    const next = async (): Promise<IteratorResult<unknown>> => {
      isDone = true; // unless it yields: a generator that throws has ended too
      const step = await (current.run(attempt, () => iterator.next(), []) as IteratorResult<unknown>);
      // As `for await` does: `done` of a primitive would be undefined for ever.
      if (Object(step) !== step) throw new TypeError(`next() of the streamed iterator returned ${describe(step)}, which is not an object`);
      isDone = step.done === true;
      return step;
    };
    try {
      for (;;) {
        while (outflow.isFull && !attempt.isCancelled(platform)) await outflow.change();
        // Not as a result: that would mean that the stream is complete.
        if (attempt.isCancelled(platform)) throw attempt.signal(platform).reason;
        const { done, value } = await next();
        if (done === true) return;
        outflow.sent(replies.value(attempt, value));
      }
    } finally {
      this.#outflows.delete(attempt.seq);
      if (!isDone) await current.run(attempt, () => iterator.return?.(), []);
    }
  }
}

function iteratorOf(made: unknown): AnyIterator {
  const { [Symbol.asyncIterator]: makeAsync, [Symbol.iterator]: makeSync } = Object(made) as Partial<
    AsyncIterable<unknown> & Iterable<unknown>
  >;
  const make = makeAsync ?? (typeof made === 'string' ? undefined : makeSync);
  if (typeof make !== 'function') throw new TypeError('a streamed task must be a generator function, or return an iterable');
  return Reflect.apply(make, made, []) as AnyIterator;
}
