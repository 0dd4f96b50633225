/**
 * The last of a worker: what is left of its process group is ended, and confirmed gone (G7). A death is
 * acted upon before that; only those who asked for the end wait for it.
 */
import { type Deferred, deferred } from '../../shared/deferred.js';
import { EverpoolError } from '../../shared/errors.js';
import type { WorkerProcess } from '../../shared/platform.js';

/** How long the sweep of a dead worker's group may take before something counts as outliving the ladder. */
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

  /** Resolves when nothing of its process group runs any more and its tasks are dealt with; rejects, naming the pid, if something outlived every signal. */
  whenReaped(): Promise<void> {
    if (this.#waiter === undefined) {
      this.#waiter = deferred();
      this.#settle();
    }
    return this.#waiter.promise;
  }

  /** The process has ended, or did not end by the last signal. What it printed has `flushMs` to reach its reader. */
  sweep(flushMs: number): void {
    if (this.#state !== 'present') return;
    this.#state = 'sweeping';
    const swept = Promise.all([this.#process.sweep(SWEEP_LIMIT_MS), flushMs > 0 ? this.#process.flush(flushMs) : undefined]);
    void swept.then(([isEmpty]) => this.#end(isEmpty ? 'reaped' : 'outlived'));
  }

  /** There never was a process. */
  skip(): void {
    this.#end('reaped');
  }

  /** Its death has been dealt with, and its note is no longer needed: what the process holds is given back as soon as it is swept. */
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
      const text = `process ${this.#process.pid} of worker ${this.#workerId}, or one of its descendants, outlived the whole kill ladder`;
      this.#waiter.reject(new EverpoolError(text, 'ERR_EVERPOOL_OUTLIVED'));
    }
  }
}
