/** What a map gives: a promise of all results, and at the same time an iterable of each. */
import type { BatchProgress } from './types.js';

export interface Batch<R> extends PromiseLike<R[]>, AsyncIterable<R> {
  /** Its number in the process, from 1. */
  readonly id: number;
  readonly progress: BatchProgress;
  /** Every outcome, in the order of the items; never rejects. Implies onError 'continue'. */
  settled(): Promise<PromiseSettledResult<R>[]>;
  /** Every outcome as it comes (or in order), with the index of its item. Implies onError 'continue'. */
  outcomes(): AsyncIterable<{ index: number } & PromiseSettledResult<R>>;
  catch: Promise<R[]>['catch'];
  finally: Promise<R[]>['finally'];
  /** Only this batch: queued items never start, running ones end as in Task. Resolves when none of it runs anywhere. */
  cancel(reason?: unknown): Promise<void>;
  /** The same without the grace. */
  kill(reason?: unknown): Promise<void>;
  /** Called after changes, at most every 100 ms, and at the end. */
  onProgress(listener: (progress: BatchProgress) => void): this;
}
