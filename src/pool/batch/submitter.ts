/**
 * Where a batch submits its tasks. The engine of a batch knows nothing else of what runs them, so
 * it serves whoever implements this. pool-submitter.ts is the one for a pool.
 */
import type { Encoded } from '../../ipc/codec/codec.js';
import type { Clock } from '../../shared/platform.js';
import type { Events } from '../events.js';
import type { ResolvedMapOptions, ResolvedTaskOptions } from '../options/task-options.js';
import type { Waiters } from '../waiters.js';
import type { BatchRun } from './batch-run.js';
import type { Chunker } from './chunker.js';
import type { JournalStore } from './journal-store.js';

/** Of one batch. Unless a comment says otherwise, its methods throw nothing. */
export interface Submitter {
  /** The id of the batch, and the name of its task. */
  readonly id: number | string;
  readonly name: string;
  readonly clock: Clock;
  /** Calls the listeners of the program. */
  readonly events: Pick<Events, 'after'>;
  /** Reports every change of `isOpen` and `hasCapacity`. */
  readonly waiters: Pick<Waiters, 'watch' | 'hold'>;
  /** Undefined if it refuses the option `journal` before there is a batch. */
  readonly journals?: JournalStore;
  /** It takes tasks and starts them, though not now if it is full. */
  readonly isOpen: boolean;
  /** It is open, and one more task fits. */
  readonly hasCapacity: boolean;
  /** The number of tasks to submit ahead of the consumer, if the map has no `bufferSize`. */
  readonly tasksAhead: number;
  /** The error of a task submitted now; undefined if it is accepted. */
  refusal(): Error | undefined;
  /** The error of a name that is unknown by now. Asked before the arguments are encoded. */
  unknownName(): Error | undefined;
  /** Undefined if each item is a task of its own. @param isSpread an item is a list of arguments */
  chunker?(options: ResolvedMapOptions, isSpread: boolean, batch: BatchRun): Chunker | undefined;
  /**
   * Calls the settler once, during the call or later. A task whose outcome is known need not start.
   * @throws what the item rejects with, if it cannot be submitted
   */
  submit(index: number, encoded: Encoded, options: ResolvedTaskOptions, settler: ItemSettler): BatchTask;
  /**
   * Ends a task that `submit` returned, as `Task.cancel`, as `Task.kill`, or as its signal would,
   * when it rejects with the reason itself. Resolves when the task runs nowhere, and immediately
   * if it has settled and does not run.
   */
  end(task: BatchTask, how: EndKind, reason: unknown): Promise<void>;
}

export type EndKind = 'cancel' | 'kill' | 'abort';

/** One task of a batch. */
export interface BatchTask {
  /** It no longer waits. Those that wait are ended before those that do not. */
  readonly isWithWorker: boolean;
  /** It runs now, for the progress. */
  readonly isRunning: boolean;
}

/** What is known of a task that has settled. */
export interface TaskEnd {
  /** The number of started attempts. */
  readonly starts: number;
  /** The duration of the last attempt, in milliseconds. */
  readonly tookMs: number;
  /** It did not end by itself. */
  readonly isCancelled: boolean;
}

/** Settles one item. */
export interface ItemSettler {
  resolve(value: unknown, end: TaskEnd): void;
  reject(reason: unknown, end: TaskEnd): void;
}
