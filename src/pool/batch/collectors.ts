/**
 * Consumers that wait for a whole batch: `await` for the values, `settled` for the outcomes. Both
 * take each outcome as it comes.
 */
import { type Deferred, deferred } from '../../shared/deferred.js';
import type { BatchRun } from './batch-run.js';
import type { Outcome } from './outcome.js';
import { type Consumer, OutcomeRange } from './outcome-buffer.js';
import { isOfBatch } from './verdict.js';

/** Collects all values, in the order of the items. */
export class ValueCollector implements Consumer {
  readonly #run: BatchRun;
  readonly #all: Deferred<unknown[]> = deferred();
  #values: unknown[] = [];
  readonly #failures: { readonly index: number; readonly reason: unknown }[] = [];

  constructor(run: BatchRun) {
    this.#run = run;
    run.attach(this);
  }

  get promise(): Promise<unknown[]> {
    return this.#all.promise;
  }

  consume(): void {
    const run = this.#run;
    let count = 0;
    for (const piece of run.outcomes.takeAll()) {
      count += this.#take(piece);
    }
    if (count > 0) run.free(count);
    const { verdict } = run;
    if (verdict?.isPrompt === true || (verdict !== undefined && run.isOver)) {
      run.outcomes.close();
      this.#values = [];
      this.#all.reject(verdict.error());
    } else if (run.isOver) this.#finish();
  }

  /** Returns the number of outcomes in the piece. */
  #take(piece: Outcome | OutcomeRange): number {
    const values = this.#values;
    padTo(values, piece.index);
    if (!(piece instanceof OutcomeRange)) {
      if (piece.status === 'fulfilled') values[piece.index] = piece.value;
      else this.#failures.push(piece);
      return 1;
    }
    const { index, length } = piece;
    for (let offset = 0; offset < length; offset += 1) values[index + offset] = piece.takeValue(offset);
    for (const failure of piece.failures) this.#failures.push(failure);
    return length;
  }

  #finish(): void {
    if (this.#failures.length === 0) {
      this.#all.resolve(this.#values);
      return;
    }
    const errors = this.#failures.sort((a, b) => a.index - b.index).map(({ reason }) => reason);
    const { id, name, meter } = this.#run;
    this.#all.reject(new AggregateError(errors, `${errors.length} of ${meter.done} items of batch ${id} (${name}) failed`));
  }
}

/** Collects every outcome, in the order of the items; never rejects. */
export class OutcomeCollector implements Consumer {
  readonly #run: BatchRun;
  readonly #all: Deferred<PromiseSettledResult<unknown>[]> = deferred();
  readonly #outcomes: PromiseSettledResult<unknown>[] = [];

  constructor(run: BatchRun) {
    this.#run = run;
    run.attach(this);
  }

  get promise(): Promise<PromiseSettledResult<unknown>[]> {
    return this.#all.promise;
  }

  consume(): void {
    const run = this.#run;
    let count = 0;
    for (const piece of run.outcomes.takeAll()) {
      padTo(this.#outcomes, piece.index);
      const length = piece instanceof OutcomeRange ? piece.length : 1;
      for (let offset = 0; offset < length; offset += 1) this.#put(piece instanceof OutcomeRange ? piece.take(offset) : piece);
      count += length;
    }
    if (count > 0) run.free(count);
    if (!run.isOver) return;
    const { verdict } = run;
    // `settled` never rejects, so the error of the batch takes the place of the next item.
    if (isOfBatch(verdict)) this.#outcomes.push({ status: 'rejected', reason: verdict.error() });
    this.#all.resolve(this.#outcomes);
  }

  #put(outcome: Outcome): void {
    this.#outcomes[outcome.index] =
      outcome.status === 'fulfilled' ? { status: 'fulfilled', value: outcome.value } : { status: 'rejected', reason: outcome.reason };
  }
}

/**
 * Fills the gap before an early outcome, because V8 makes an array with a gap of a thousand slow.
 */
function padTo(list: unknown[], length: number): void {
  while (list.length < length) list.push(undefined);
}
