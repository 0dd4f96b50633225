/**
 * Every error that the pool itself raises. `code` is stable; `message` says what happened, to which
 * task, and what to do. What a task threw is not here: it arrives as its own class.
 *
 * The names live on the prototypes, as those of the built-in classes do: so the first line of `stack`
 * has the right name, and `name` is no own property of each error.
 */
import type { Attempt, Death } from './types.js';

/** The class of every error of this package. */
export class EverpoolError extends Error {
  static {
    setName(EverpoolError, 'EverpoolError');
  }

  /** Stable: compare this, not the message. */
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An option has an unknown name, a wrong type or a value out of range. `ERR_EVERPOOL_OPTIONS`. */
export class OptionsError extends EverpoolError {
  static {
    setName(OptionsError, 'OptionsError');
  }

  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_EVERPOOL_OPTIONS', options);
  }
}

export interface UnknownTaskDetails {
  readonly taskName: string;
  /** The functions that the module does export. */
  readonly exports: readonly string[];
  readonly cause?: unknown;
}

/** The task module exports no function of that name. `ERR_EVERPOOL_UNKNOWN_TASK`. */
export class UnknownTaskError extends EverpoolError {
  static {
    setName(UnknownTaskError, 'UnknownTaskError');
  }

  readonly taskName: string;
  /** The functions that the module does export. */
  readonly exports: readonly string[];

  constructor(message: string, details: UnknownTaskDetails) {
    super(message, 'ERR_EVERPOOL_UNKNOWN_TASK', causeOf(details));
    this.taskName = details.taskName;
    this.exports = details.exports;
  }
}

export interface WorkerDiedDetails {
  readonly death: Death;
  readonly taskId: number;
  readonly taskName: string;
  readonly attempts: readonly Attempt[];
  readonly cause?: unknown;
}

/** The worker died while it ran the task. `ERR_EVERPOOL_WORKER_DIED`. */
export class WorkerDiedError extends EverpoolError {
  static {
    setName(WorkerDiedError, 'WorkerDiedError');
  }

  readonly death: Death;
  readonly taskId: number;
  readonly taskName: string;
  /** Every attempt that was started. */
  readonly attempts: readonly Attempt[];

  constructor(message: string, details: WorkerDiedDetails, code = 'ERR_EVERPOOL_WORKER_DIED') {
    super(message, code, causeOf(details));
    this.death = details.death;
    this.taskId = details.taskId;
    this.taskName = details.taskName;
    this.attempts = details.attempts;
  }
}

/** The worker passed `limits.rssBytes`, or V8 ran out of heap. `ERR_EVERPOOL_OUT_OF_MEMORY`. */
export class OutOfMemoryError extends WorkerDiedError {
  static {
    setName(OutOfMemoryError, 'OutOfMemoryError');
  }

  constructor(message: string, details: WorkerDiedDetails) {
    super(message, details, 'ERR_EVERPOOL_OUT_OF_MEMORY');
  }
}

export interface TaskTimeoutDetails {
  readonly kind: 'run' | 'queue';
  readonly timeoutMs: number;
  readonly workerStack?: string | undefined;
  readonly cause?: unknown;
}

/** The task ran past `timeoutMs`, or was not started within `queueTimeoutMs`. `ERR_EVERPOOL_TIMEOUT`. */
export class TaskTimeoutError extends EverpoolError {
  static {
    setName(TaskTimeoutError, 'TaskTimeoutError');
  }

  /** `run`: past `timeoutMs`. `queue`: past `queueTimeoutMs`. */
  readonly kind: 'run' | 'queue';
  readonly timeoutMs: number;
  /** Where the worker was, with `diagnose`. */
  declare readonly workerStack?: string;

  constructor(message: string, details: TaskTimeoutDetails) {
    super(message, 'ERR_EVERPOOL_TIMEOUT', causeOf(details));
    this.kind = details.kind;
    this.timeoutMs = details.timeoutMs;
    // Declared only, so that an error without a stack has no empty property.
    if (details.workerStack !== undefined) this.workerStack = details.workerStack;
  }
}

export interface TaskCancelledDetails {
  readonly reason: unknown;
  readonly forced: boolean;
  readonly cause?: unknown;
}

/** The task was cancelled or killed by the program. `ERR_EVERPOOL_CANCELLED`. */
export class TaskCancelledError extends EverpoolError {
  static {
    setName(TaskCancelledError, 'TaskCancelledError');
  }

  /** What was given to `cancel`, `kill` or `killTasks`. */
  readonly reason: unknown;
  /** Its worker had to be killed. */
  readonly forced: boolean;

  constructor(message: string, details: TaskCancelledDetails) {
    super(message, 'ERR_EVERPOOL_CANCELLED', causeOf(details));
    this.reason = details.reason;
    this.forced = details.forced;
  }
}

/** The queue holds `queueLimit` tasks. `ERR_EVERPOOL_QUEUE_FULL`. */
export class QueueFullError extends EverpoolError {
  static {
    setName(QueueFullError, 'QueueFullError');
  }

  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_EVERPOOL_QUEUE_FULL', options);
  }
}

/** The pool is closing or closed and takes no more tasks. `ERR_EVERPOOL_CLOSED`. */
export class PoolClosedError extends EverpoolError {
  static {
    setName(PoolClosedError, 'PoolClosedError');
  }

  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_EVERPOOL_CLOSED', options);
  }
}

export interface PoolBrokenDetails {
  readonly death: Death;
  readonly cause?: unknown;
}

/** The workers die before they are of use: the pool has stopped starting them. `ERR_EVERPOOL_BROKEN`. */
export class PoolBrokenError extends EverpoolError {
  static {
    setName(PoolBrokenError, 'PoolBrokenError');
  }

  /** The last one, with its stderr. */
  readonly death: Death;

  constructor(message: string, details: PoolBrokenDetails) {
    super(message, 'ERR_EVERPOOL_BROKEN', causeOf(details));
    this.death = details.death;
  }
}

export interface SerializationDetails {
  readonly side: 'arguments' | 'result' | 'error' | 'progress';
  readonly cause?: unknown;
}

/** A value cannot cross the process boundary; the message names the path to it. `ERR_EVERPOOL_SERIALIZATION`. */
export class SerializationError extends EverpoolError {
  static {
    setName(SerializationError, 'SerializationError');
  }

  readonly side: 'arguments' | 'result' | 'error' | 'progress';

  constructor(message: string, details: SerializationDetails) {
    super(message, 'ERR_EVERPOOL_SERIALIZATION', causeOf(details));
    this.side = details.side;
  }
}

function setName(errorClass: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(errorClass.prototype, 'name', { value: name, writable: true, configurable: true });
}

/** Without a cause there must be no own `cause` property: `{ cause: undefined }` would print one. */
function causeOf(details: { readonly cause?: unknown }): ErrorOptions | undefined {
  // Its own: a `cause` on the prototype of all objects is the program's.
  return !Object.hasOwn(details, 'cause') || details.cause === undefined ? undefined : { cause: details.cause };
}
