/** The small public types that several folders use: a death, an attempt, a worker, percentiles. */

/**
 * The resident memory of a worker at one moment.
 *
 * @example
 * const sample: MemorySample = { uptimeMs: 1500, rssBytes: 80_000_000 };
 */
export interface MemorySample {
  /** Milliseconds since the spawn of the worker. */
  readonly uptimeMs: number;
  readonly rssBytes: number;
}

/**
 * How a worker ended.
 *
 * @example
 * pool.on('workerDied', ({ death }) => {
 *   if (!death.requested) console.error(death.cause, death.exitCode, death.stderrTail);
 * });
 */
export interface Death {
  /**
   * `exit` and `signal`: how the process ended, by itself or on request. `disconnect`, `protocol`,
   * `boot-timeout`, `unresponsive` and `memory`: the fault for which the pool killed it (`memory`
   * also when V8 ran out of heap). `spawn`: it could not be started. `host`: it was on another
   * machine, which was lost; of tasks of a cluster only.
   */
  readonly cause: 'spawn' | 'exit' | 'signal' | 'disconnect' | 'protocol' | 'boot-timeout' | 'unresponsive' | 'memory' | 'host';
  /** What the worker was doing: booting, waiting for a task, running one, or leaving. */
  readonly phase: 'boot' | 'idle' | 'task' | 'stopping';
  /**
   * True if the pool ended the worker: by a kill, timeout, recycling or shutdown. No task or worker
   * is charged with such a death.
   */
  readonly requested: boolean;
  /** Undefined if no process was started. */
  readonly pid: number | undefined;
  /** Null if a signal ended the worker, or if it never started. */
  readonly exitCode: number | null;
  /** Null unless a signal ended the worker. */
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds from the spawn to the end. */
  readonly uptimeMs: number;
  /** The last 4 KiB of the worker's stderr. Empty with `stderr: 'ignore'`. */
  readonly stderrTail: string;
  /**
   * More about the cause, from the system or the channel: the error of a failed spawn, the reason
   * why bytes were refused.
   */
  readonly detail?: string;
  /** The last samples, oldest first, of a worker that exceeded `limits.rssBytes`. */
  readonly samples?: readonly MemorySample[];
}

/**
 * One started attempt at a task.
 *
 * @example
 * pool.run('parse', [file]).catch((error) => {
 *   if (error instanceof WorkerDiedError)
 *     for (const { number, outcome } of error.attempts) console.error(number, outcome);
 * });
 */
export interface Attempt {
  /** 1 for the first start of the task; the same as `context().attempt`. */
  readonly number: number;
  readonly workerId: number;
  readonly pid: number;
  /** Milliseconds since the Unix epoch (based on `performance.timeOrigin`). */
  readonly startedAt: number;
  /** On the same clock; absent while the attempt runs. */
  readonly endedAt?: number;
  /** How the attempt ended; absent while it runs. `orphaned`: its worker died. */
  readonly outcome?: 'ok' | 'error' | 'timeout' | 'cancelled' | 'orphaned';
}

/**
 * A distribution of durations in milliseconds. `count`, `mean` and `max` are exact, the percentiles
 * within 2 %. All are 0 while `count` is 0.
 *
 * @example
 * const { p50, p99 } = pool.stats().runMs;
 */
export interface Percentiles {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * One worker, as `pool.workers()` lists it.
 *
 * @example
 * for (const { id, state, rssBytes } of pool.workers()) console.log(id, state, rssBytes);
 */
export interface WorkerInfo {
  /** Unique in the pool: never reused. */
  readonly id: number;
  /** 0 … size-1; -1 for a spare. */
  readonly slot: number;
  /** Undefined until the process has started. */
  readonly pid: number | undefined;
  readonly state: 'starting' | 'idle' | 'busy' | 'draining' | 'stopping';
  /** Started tasks first, then those sent ahead (`runningMs` is 0). */
  readonly tasks: readonly {
    readonly id: number;
    readonly name: string;
    readonly attempt: number;
    readonly runningMs: number;
  }[];
  /** The number of attempts that it has finished. */
  readonly completed: number;
  /** Milliseconds since its spawn. */
  readonly uptimeMs: number;
  /** Resident memory; undefined if it is unknown. */
  readonly rssBytes: number | undefined;
}
