/**
 * One running attempt, as the worker sees it. It never holds arguments or results (G12): code that
 * a task leaves running may keep its attempt for ever.
 *
 * There is one per task, synchronous no-ops included, so what only some tasks need is made when it is asked for.
 */

import { TaskCancelledError, TaskTimeoutError } from '../shared/errors.js';
import type { AbortKind } from '../shared/platform.js';
import type { WorkerPlatform } from './platform.js';
import type { TaskContext } from './task-context.js';

/** How often `aborted()` looks at the note: a file read, cheap but not free. */
const LOOK_EVERY_MS = 1;

export class Attempt {
  readonly seq: number;
  readonly taskId: number;
  readonly number: number;
  /** When its body was there, on the shared clock. */
  readonly startedAt: number;
  /** It runs where its context can be found through asynchronous calls (current-attempt.ts). */
  isTracked = false;
  isSettled = false;
  context: TaskContext | undefined = undefined;
  /** A value of its progress or its stream that could not be sent: when the task lets the error escape, it is known again. */
  fault: ValueFault | undefined = undefined;
  /** Called when the attempt is to end; its signal may have fired before, for a soft timeout. */
  onCancel: (() => void) | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #abort: { readonly kind: AbortKind; readonly reason: unknown } | undefined = undefined;
  #nextLook = 0;

  constructor(seq: number, taskId: number, number: number, startedAt: number) {
    this.seq = seq;
    this.taskId = taskId;
    this.number = number;
    this.startedAt = startedAt;
  }

  signal(platform: WorkerPlatform): AbortSignal {
    if (this.#controller === undefined) {
      this.#check(platform);
      this.#controller = new AbortController();
      if (this.#abort !== undefined) this.#controller.abort(this.#abort.reason);
    }
    return this.#controller.signal;
  }

  /** True once the signal has fired or the note says that it should: in a loop that never yields only the note can tell. */
  isAborted(platform: WorkerPlatform): boolean {
    if (this.#abort === undefined) this.#lookNowAndThen(platform);
    return this.#abort !== undefined;
  }

  /** It is to end, and not only asked whether it is nearly done. */
  isCancelled(platform: WorkerPlatform): boolean {
    if (this.#abort?.kind !== 'cancel') this.#lookNowAndThen(platform);
    return this.#abort?.kind === 'cancel';
  }

  /** Fires the signal; it fires once, so of a cancel after a soft timeout only `isCancelled` and `onCancel` tell. */
  abort(kind: AbortKind, reason: unknown, timeoutMs = 0): void {
    if (this.isSettled || this.#abort?.kind === 'cancel' || this.#abort?.kind === kind) return;
    this.#abort = { kind, reason: this.#abort?.reason ?? reason ?? defaultReason(kind, timeoutMs) };
    this.#controller?.abort(this.#abort.reason);
    if (kind === 'cancel') this.onCancel?.();
  }

  #lookNowAndThen(platform: WorkerPlatform): void {
    const time = platform.now();
    if (time < this.#nextLook) return;
    this.#nextLook = time + LOOK_EVERY_MS;
    this.#check(platform);
  }

  #check(platform: WorkerPlatform): void {
    if (this.isSettled) return;
    const kind = platform.controlFile.abortKind(this.seq);
    if (kind !== undefined) this.abort(kind, undefined);
  }
}

export interface ValueFault {
  readonly side: 'result' | 'progress';
  readonly error: unknown;
  /** What the codec said. */
  readonly cause: unknown;
}

function defaultReason(kind: AbortKind, timeoutMs: number): Error {
  if (kind === 'cancel') return new TaskCancelledError('the task was cancelled', { reason: undefined, forced: false });
  return new TaskTimeoutError('the task ran past its soft time limit', { kind: 'run', timeoutMs });
}
