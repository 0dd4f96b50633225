/**
 * Every error that the pool itself raises. `code` is stable; `message` says what happened, to which
 * task, and what to do. An error that a task threw is not here: it arrives as its own class.
 *
 * The names are on the prototypes, as those of the built-in classes are: so the first line of
 * `stack` has the right name, and `name` is not an own property of each error.
 */
import { causeOf, setName } from './error-class.js';
import type { Attempt, Death } from './types.js';

/**
 * The base class of every error of this package. Compare `code`, which is stable, and not the
 * message.
 *
 * @example
 * try {
 *   await pool.run('resize', [file]);
 * } catch (error) {
 *   if (error instanceof EverpoolError) console.error(error.code);
 *   else throw error; // the task itself threw
 * }
 */
export class EverpoolError extends Error {
  static {
    setName(EverpoolError, 'EverpoolError');
  }

  /** Stable, beginning with `ERR_EVERPOOL_`. */
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * An option has an unknown name, a wrong type or a value out of range. The message names the option
 * by its path, the rule and the value. Code: `ERR_EVERPOOL_OPTIONS`.
 *
 * @example
 * new Pool({ size: 0 }); // size: expected an integer >= 1 or {min, max}, got 0 (number)
 */
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
  /** The names of the functions that the module does export. */
  readonly exports: readonly string[];
  readonly cause?: unknown;
}

/**
 * The task module exports no function of that name. Code: `ERR_EVERPOOL_UNKNOWN_TASK`.
 *
 * @example
 * pool.run('resise').catch((error) => {
 *   if (error instanceof UnknownTaskError) console.error(error.exports); // ['resize', 'rotate']
 * });
 */
export class UnknownTaskError extends EverpoolError {
  static {
    setName(UnknownTaskError, 'UnknownTaskError');
  }

  readonly taskName: string;
  /** The names of the functions that the module does export. */
  readonly exports: readonly string[];

  constructor(message: string, details: UnknownTaskDetails) {
    super(message, 'ERR_EVERPOOL_UNKNOWN_TASK', causeOf(details));
    this.taskName = details.taskName;
    this.exports = details.exports;
  }
}

export interface WorkerDiedDetails {
  readonly death: Death;
  /** The id of a task of a pool is a number, that of a task of a cluster a string. */
  readonly taskId: number | string;
  readonly taskName: string;
  readonly attempts: readonly Attempt[];
  readonly cause?: unknown;
}

/**
 * The worker died while it ran the task, and the task has no retries left. Code:
 * `ERR_EVERPOOL_WORKER_DIED`.
 *
 * @example
 * pool.run('parse', [file]).catch((error) => {
 *   if (error instanceof WorkerDiedError) console.error(error.death.stderrTail);
 * });
 */
export class WorkerDiedError extends EverpoolError {
  static {
    setName(WorkerDiedError, 'WorkerDiedError');
  }

  /** The death that ended the last attempt. */
  readonly death: Death;
  /** A task of a cluster has a string instead. */
  readonly taskId: number;
  readonly taskName: string;
  /** Every attempt that was started, oldest first. */
  readonly attempts: readonly Attempt[];

  constructor(message: string, details: WorkerDiedDetails, code = 'ERR_EVERPOOL_WORKER_DIED') {
    super(message, code, causeOf(details));
    this.death = details.death;
    this.taskId = details.taskId as number;
    this.taskName = details.taskName;
    this.attempts = details.attempts;
  }
}

/**
 * The worker exceeded `limits.rssBytes`, or V8 ran out of heap. Code: `ERR_EVERPOOL_OUT_OF_MEMORY`.
 *
 * @example
 * pool.run('parse', [file]).catch((error) => {
 *   if (error instanceof OutOfMemoryError) console.error(error.death.samples);
 * });
 */
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

/**
 * The task ran longer than `timeoutMs`, or did not start within `queueTimeoutMs`. Code:
 * `ERR_EVERPOOL_TIMEOUT`.
 *
 * @example
 * pool.run('parse', [file], { timeoutMs: 1000 }).catch((error) => {
 *   if (error instanceof TaskTimeoutError) console.error(error.kind, error.timeoutMs);
 * });
 */
export class TaskTimeoutError extends EverpoolError {
  static {
    setName(TaskTimeoutError, 'TaskTimeoutError');
  }

  /** `run`: longer than `timeoutMs`. `queue`: longer than `queueTimeoutMs`. */
  readonly kind: 'run' | 'queue';
  /** The limit, in milliseconds. */
  readonly timeoutMs: number;
  /** The JavaScript stack of the worker at the timeout, with `diagnose`. */
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

/**
 * The program cancelled or killed the task. Code: `ERR_EVERPOOL_CANCELLED`.
 *
 * @example
 * const task = pool.run('parse', [file]);
 * task.cancel('not needed any more');
 * await task.catch((error) => console.error(error.reason)); // not needed any more
 */
export class TaskCancelledError extends EverpoolError {
  static {
    setName(TaskCancelledError, 'TaskCancelledError');
  }

  /** The reason passed to `cancel`, `kill` or `killTasks`. */
  readonly reason: unknown;
  /** True if the worker had to be killed. */
  readonly forced: boolean;

  constructor(message: string, details: TaskCancelledDetails) {
    super(message, 'ERR_EVERPOOL_CANCELLED', causeOf(details));
    this.reason = details.reason;
    this.forced = details.forced;
  }
}

/**
 * The queue already holds `queueLimit` tasks. Code: `ERR_EVERPOOL_QUEUE_FULL`.
 *
 * @example
 * pool.run('parse', [file]).catch(async (error) => {
 *   if (error instanceof QueueFullError) await pool.room(); // then submit again
 * });
 */
export class QueueFullError extends EverpoolError {
  static {
    setName(QueueFullError, 'QueueFullError');
  }

  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_EVERPOOL_QUEUE_FULL', options);
  }
}

/**
 * The pool is closing or closed, and accepts no more tasks. Code: `ERR_EVERPOOL_CLOSED`.
 *
 * @example
 * await pool.close();
 * await pool.run('parse').catch((error) => console.error(error.code)); // ERR_EVERPOOL_CLOSED
 */
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

/**
 * The workers die before they are useful, so the pool has stopped starting them. Code:
 * `ERR_EVERPOOL_BROKEN`.
 *
 * @example
 * pool.on('broken', ({ error }) => console.error(error.death.stderrTail));
 */
export class PoolBrokenError extends EverpoolError {
  static {
    setName(PoolBrokenError, 'PoolBrokenError');
  }

  /** The last death, with the tail of its stderr. */
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

/**
 * A value cannot be sent to another process; the message names the path to it. Code:
 * `ERR_EVERPOOL_SERIALIZATION`.
 *
 * @example
 * await pool.run('parse', [{ done: () => {} }]).catch((error) => {
 *   console.error(error.side); // arguments; the message names args[0].done
 * });
 */
export class SerializationError extends EverpoolError {
  static {
    setName(SerializationError, 'SerializationError');
  }

  /** Where the value came from; `error`: what the task threw. */
  readonly side: 'arguments' | 'result' | 'error' | 'progress';

  constructor(message: string, details: SerializationDetails) {
    super(message, 'ERR_EVERPOOL_SERIALIZATION', causeOf(details));
    this.side = details.side;
  }
}
