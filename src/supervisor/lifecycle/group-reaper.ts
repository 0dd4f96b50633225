/**
 * Kills what is left of a dead worker's process group, and confirms that nothing of it runs (G7).
 * The supervisor acts on the death before that; only `killWorker`, `close` and the like wait for
 * it. The reaper decides when the process may release its descriptors.
 */
import { type Deferred, deferred } from '../../shared/deferred.js';
import { EverpoolError } from '../../shared/errors.js';
import type { WorkerProcess } from '../../shared/platform.js';

/** A process that is still running after a sweep of this time has outlived the kill ladder. */
const SWEEP_LIMIT_MS = 5000;

export class GroupReaper {
  readonly #process: WorkerProcess;
  readonly #workerId: number;
  #state: 'present' | 'sweeping' | 'reaped' | 'outlived' = 'present';
  #isReleased = false;
  #mayRelease = false;
  #waiter: Deferred<void> | undefined;

  constructor(process: WorkerProcess, workerId: number) {
    this.#process = process;
    this.#workerId = workerId;
  }

  /**
   * Resolves when nothing of the process group runs any more and the worker's tasks are settled or
   * requeued. Rejects with the pid in the message if something outlived every signal.
   */
  whenReaped(): Promise<void> {
    if (this.#waiter === undefined) {
      this.#waiter = deferred();
      this.#settle();
    }
    return this.#waiter.promise;
  }

  /**
   * The process has ended, or outlived the last signal. Its output has `flushMs` to reach a slow
   * reader.
   */
  sweep(flushMs: number): void {
    if (this.#state !== 'present') return;
    this.#state = 'sweeping';
    const swept = Promise.all([this.#process.sweep(SWEEP_LIMIT_MS), flushMs > 0 ? this.#process.flush(flushMs) : undefined]);
    void swept.then(([isEmpty]) => this.#end(isEmpty ? 'reaped' : 'outlived'));
  }

  /** The process never started. */
  skip(): void {
    this.#end('reaped');
  }

  /**
   * The death has been handled, and the control file is no longer needed: once the group is swept,
   * the process releases everything it holds.
   */
  release(): void {
    this.#mayRelease = true;
    if (this.#isReleased || this.#state === 'present' || this.#state === 'sweeping') return;
    this.#isReleased = true;
    this.#process.release();
    this.#settle();
  }

  #end(state: 'reaped' | 'outlived'): void {
    this.#state = state;
    if (this.#mayRelease) this.release();
  }

  #settle(): void {
    if (this.#waiter === undefined || !this.#isReleased) return;
    if (this.#state === 'reaped') this.#waiter.resolve();
    if (this.#state === 'outlived') {
      const text = `process ${this.#process.pid} of worker ${this.#workerId}, or one of its descendants, outlived the kill ladder`;
      this.#waiter.reject(new EverpoolError(text, 'ERR_EVERPOOL_OUTLIVED'));
    }
  }
}
