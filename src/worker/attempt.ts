/**
 * One running attempt, as the worker sees it. An Attempt never holds arguments or results (G12),
 * because code that a task leaves running may keep its Attempt for ever.
 *
 * Every task has one, even a synchronous no-op, so what only some tasks need is made on demand.
 */

import { TaskCancelledError, TaskTimeoutError } from '../shared/errors.js';
import type { AbortKind } from '../shared/platform.js';
import type { WorkerPlatform } from './platform.js';
import type { TaskContext } from './task-context.js';

/** How often `aborted()` reads the control file: cheap, but not free. */
const READ_EVERY_MS = 1;

export class Attempt {
  readonly seq: number;
  readonly taskId: number;
  readonly number: number;
  /** When its body had arrived, on the shared clock. */
  readonly startedAt: number;
  /** The attempt runs in an AsyncLocalStorage that finds it again (current-attempt.ts). */
  isTracked = false;
  isSettled = false;
  context: TaskContext | undefined = undefined;
  /**
   * A progress or stream value that could not be sent: recognised if the task lets the error
   * escape.
   */
  fault: ValueFault | undefined = undefined;
  /** Called when the attempt is cancelled. Its signal may have fired before, for a soft timeout. */
  onCancel: (() => void) | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #abort: { readonly kind: AbortKind; readonly reason: unknown } | undefined = undefined;
  #nextReadAt = 0;

  constructor(seq: number, taskId: number, number: number, startedAt: number) {
    this.seq = seq;
    this.taskId = taskId;
    this.number = number;
    this.startedAt = startedAt;
  }

  signal(platform: WorkerPlatform): AbortSignal {
    if (this.#controller === undefined) {
      this.#readControlFile(platform);
      this.#controller = new AbortController();
      if (this.#abort !== undefined) this.#controller.abort(this.#abort.reason);
    }
    return this.#controller.signal;
  }

  /**
   * True once the signal has fired or the control file says that it should. In a loop that never
   * yields, only the control file can say so.
   */
  isAborted(platform: WorkerPlatform): boolean {
    if (this.#abort === undefined) this.#readNowAndThen(platform);
    return this.#abort !== undefined;
  }

  /** True once the attempt must end; a soft timeout only asks it to. */
  isCancelled(platform: WorkerPlatform): boolean {
    if (this.#abort?.kind !== 'cancel') this.#readNowAndThen(platform);
    return this.#abort?.kind === 'cancel';
  }

  /**
   * Fires the signal. A signal fires only once, so a cancellation after a soft timeout shows only
   * in `isCancelled` and `onCancel`.
   */
  abort(kind: AbortKind, reason: unknown, timeoutMs = 0): void {
    if (this.isSettled || this.#abort?.kind === 'cancel' || this.#abort?.kind === kind) return;
    this.#abort = { kind, reason: this.#abort?.reason ?? reason ?? defaultReason(kind, timeoutMs) };
    this.#controller?.abort(this.#abort.reason);
    if (kind === 'cancel') this.onCancel?.();
  }

  #readNowAndThen(platform: WorkerPlatform): void {
    const time = platform.now();
    if (time < this.#nextReadAt) return;
    this.#nextReadAt = time + READ_EVERY_MS;
    this.#readControlFile(platform);
  }

  #readControlFile(platform: WorkerPlatform): void {
    if (this.isSettled) return;
    const kind = platform.controlFile.abortKind(this.seq);
    if (kind !== undefined) this.abort(kind, undefined);
  }
}

export interface ValueFault {
  readonly side: 'result' | 'progress';
  readonly error: unknown;
  /** The error of the codec. */
  readonly cause: unknown;
}

function defaultReason(kind: AbortKind, timeoutMs: number): Error {
  if (kind === 'cancel') return new TaskCancelledError('the task was cancelled', { reason: undefined, forced: false });
  return new TaskTimeoutError('the task ran past its soft time limit', { kind: 'run', timeoutMs });
}
