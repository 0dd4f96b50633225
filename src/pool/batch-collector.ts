/** Those who wait for a whole batch: `await` takes the values, `settled` every outcome. Both take each outcome as it comes. */
import { type Deferred, deferred } from '../shared/deferred.js';
import type { Consumer } from './batch-item.js';
import type { BatchRun } from './batch-run.js';

/** All values in the order of the items, or why there are none. */
export class ValueCollector implements Consumer {
  readonly #run: BatchRun;
  readonly #all: Deferred<unknown[]> = deferred();
  #values: unknown[] = [];
  #failures: { index: number; reason: unknown }[] = [];

  constructor(run: BatchRun) {
    this.#run = run;
    run.attach(this);
  }

  get promise(): Promise<unknown[]> {
    return this.#all.promise;
  }

  consume(): void {
    const run = this.#run;
    const outcomes = run.outlet.takeAll();
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') this.#values[outcome.index] = outcome.value;
      else this.#failures.push({ index: outcome.index, reason: outcome.reason });
    }
    run.free(outcomes.length);
    const { verdict } = run;
    if (verdict?.isPrompt === true || (verdict !== undefined && run.isOver)) {
      run.outlet.close();
      this.#values = [];
      this.#all.reject(verdict.error());
    } else if (run.isOver) this.#finish();
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

/** Every outcome in the order of the items; never rejects. */
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
    const outcomes = run.outlet.takeAll();
    for (const outcome of outcomes) {
      this.#outcomes[outcome.index] =
        outcome.status === 'fulfilled' ? { status: 'fulfilled', value: outcome.value } : { status: 'rejected', reason: outcome.reason };
    }
    run.free(outcomes.length);
    if (!run.isOver) return;
    const { verdict } = run;
    // It does not reject, so what cut the input short stands where the next item would.
    if (verdict?.cause === 'input' || verdict?.cause === 'refused') this.#outcomes.push({ status: 'rejected', reason: verdict.error() });
    this.#all.resolve(this.#outcomes);
  }
}
