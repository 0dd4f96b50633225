/**
 * Tasks whose arguments and results pass through this process encoded: a process that passes tasks
 * on to its workers has no use for the values, and need not trust the bytes. Only a worker decodes
 * them.
 */
import { describe, type Encoded } from '../../ipc/codec/codec.js';
import { passOn } from '../../ipc/codec/pass-on.js';
import { check, type Rule } from '../../shared/check.js';
import { SerializationError, TaskCancelledError } from '../../shared/errors.js';
import { because, isError } from '../../shared/program.js';
import { checkName } from '../options/method-options.js';
import { type ResolvedTaskOptions, resolveTaskOptions } from '../options/task-options.js';
import type { PoolContext } from '../pool-context.js';
import { ThrownBytes } from '../settle/thrown.js';
import type { Origin } from '../task/origin.js';
import { AS_BYTES, pastOf, type TaskRecord } from '../task/task-record.js';
import type { TaskOptions } from '../types.js';
import { namedWork, throwRefusal } from './submit.js';
import { Task } from './task.js';

/** How the task ended. */
export type EncodedOutcome = {
  /** The number of attempts that have started in this pool. */
  readonly attempts: number;
  /** Milliseconds of the last attempt. */
  readonly ms: number;
} & (
  | { readonly status: 'succeeded'; readonly value: Encoded }
  /** What the task threw. */
  | { readonly status: 'failed'; readonly thrown: Encoded }
  /** The pool's own error. */
  | { readonly status: 'failed' | 'cancelled'; readonly error: Error }
);

export interface EncodedTask {
  /** As `Task.started`. */
  readonly started: Promise<unknown>;
  /** As `Task.cancel`. */
  cancel(reason?: unknown): Promise<void>;
  /** As `Task.kill`. */
  kill(reason?: unknown): Promise<void>;
  /** Cancels it if it has not started; then it never does. Returns false if it may have. */
  withdraw(): boolean;
  /** Never rejects. */
  readonly outcome: Promise<EncodedOutcome>;
}

export interface EncodedMore {
  /** The number of the first attempt here, from 1: others were started elsewhere. */
  readonly firstAttempt: number;
  /** By default, errors name the task as this pool does. */
  readonly origin?: Origin;
  /** Replaces the one in the options. */
  readonly onProgress?: ((value: Encoded) => void) | undefined;
}

const attemptNumber: Rule<number> = {
  text: 'an integer from 1 to 65535', // what a Run frame can carry
  holds: (value): value is number => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 0xffff,
};

/**
 * Submits a task whose arguments are encoded: a list, in memory that nobody changes or reuses.
 * Throws nothing: a wrong option, too, is an outcome.
 */
export function submitEncoded(
  core: PoolContext,
  name: string,
  args: Encoded,
  options: TaskOptions | undefined,
  more: EncodedMore,
): EncodedTask {
  const task = Task.pending<Encoded>();
  try {
    return new EncodedHandle(core, task, submit(core, name, args, options, more, task));
  } catch (error) {
    return new EncodedHandle(core, Task.refused<Encoded>(error, String(name), undefined), undefined);
  }
}

/** @throws Error why there is no such task */
function submit(
  core: PoolContext,
  name: string,
  args: Encoded,
  options: TaskOptions | undefined,
  { firstAttempt, origin, onProgress }: EncodedMore,
  task: Task<Encoded>,
): TaskRecord {
  const work = namedWork(core, checkName(name));
  const resolved: ResolvedTaskOptions = {
    ...resolveTaskOptions(options, core.options.task),
    onProgress: onProgress as ((value: unknown) => void) | undefined,
  };
  check('firstAttempt', attemptNumber, firstAttempt);
  throwRefusal(core);
  if (!('stats' in work)) throw work;
  const record = core.submit(work.stats, AS_BYTES, checkedArgs(name, args), resolved, task);
  if (firstAttempt > 1) pastOf(record).elsewhere = firstAttempt - 1;
  if (origin !== undefined) pastOf(record).origin = origin;
  task.bind(core, record);
  return record;
}

/** @throws SerializationError */
function checkedArgs(name: string, { codec, body, attachments }: Encoded): Encoded {
  try {
    return passOn(codec, body, attachments);
  } catch (cause) {
    throw new SerializationError(`the arguments of ${name} cannot be sent to a worker: ${describe(cause)}`, { side: 'arguments', cause });
  }
}

class EncodedHandle implements EncodedTask {
  readonly outcome: Promise<EncodedOutcome>;
  readonly #core: PoolContext;
  readonly #task: Task<Encoded>;
  readonly #record: TaskRecord | undefined;

  constructor(core: PoolContext, task: Task<Encoded>, record: TaskRecord | undefined) {
    this.#core = core;
    this.#task = task;
    this.#record = record;
    const end = (): { attempts: number; ms: number } => ({ attempts: record?.starts ?? 0, ms: record?.tookMs ?? 0 });
    this.outcome = Promise.prototype.then.call(
      task,
      (value) => ({ status: 'succeeded', value, ...end() }),
      (error: unknown) => {
        if (error instanceof ThrownBytes) return { status: 'failed', thrown: error.encoded, ...end() };
        const status = task.state === 'cancelled' ? 'cancelled' : 'failed';
        return { status, error: isError(error) ? error : cancelledBy(error), ...end() };
      },
    ) as Promise<EncodedOutcome>;
  }

  get started(): Promise<unknown> {
    return this.#task.started;
  }
  cancel(reason?: unknown): Promise<void> {
    return this.#task.cancel(reason);
  }
  kill(reason?: unknown): Promise<void> {
    return this.#task.kill(reason);
  }
  withdraw(): boolean {
    return this.#record !== undefined && this.#core.cancellation.withdraw(this.#record);
  }
}

/** A signal may fire with any value as its reason. */
function cancelledBy(reason: unknown): Error {
  return isError(reason) ? reason : new TaskCancelledError(`the task was cancelled${because(reason)}`, { reason, forced: false });
}
