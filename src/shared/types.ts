/** The small public shapes that every room speaks of: a death, an attempt, a worker, percentiles. */

/** The resident memory of a worker, so long after its spawn. */
export interface MemorySample {
  readonly uptimeMs: number;
  readonly rssBytes: number;
}

/** How a worker ended. */
export interface Death {
  /** What ended it. `disconnect`, `protocol`, `boot-timeout`, `unresponsive` and `memory` name the reason why
   *  the pool had to kill it (for `memory` also V8's own heap abort); `exit` and `signal` mean it ended by itself. */
  readonly cause: 'spawn' | 'exit' | 'signal' | 'disconnect' | 'protocol' | 'boot-timeout' | 'unresponsive' | 'memory';
  /** What it was doing: booting, waiting for a task, running one, or leaving. */
  readonly phase: 'boot' | 'idle' | 'task' | 'stopping';
  /** By this pool: a kill, a timeout, a recycle, a shutdown. Requested deaths charge nobody. */
  readonly requested: boolean;
  /** Undefined if no process was ever started. */
  readonly pid: number | undefined;
  /** Null if a signal ended it, or if it never started. */
  readonly exitCode: number | null;
  /** Null unless a signal ended it. */
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds from its spawn to its end. */
  readonly uptimeMs: number;
  /** The last 4 KiB of its stderr. Empty with `stderr: 'ignore'`. */
  readonly stderrTail: string;
  /** What the system or the channel said about it, where there is more to say: the error of a failed
   *  spawn, the bytes that were no frame. */
  readonly detail?: string;
  /** Of one that passed `limits.rssBytes`: its last samples, oldest first. */
  readonly samples?: readonly MemorySample[];
}

/** One started attempt at a task. */
export interface Attempt {
  /** From 1; the same as `context().attempt`. */
  readonly number: number;
  readonly workerId: number;
  readonly pid: number;
  /** Milliseconds since the Unix epoch, `performance.timeOrigin`-based. */
  readonly startedAt: number;
  /** The same clock; absent while it runs. */
  readonly endedAt?: number;
  /** How it ended; absent while it runs. */
  readonly outcome?: 'ok' | 'error' | 'timeout' | 'cancelled' | 'orphaned';
}

/** A distribution in milliseconds: `count`, `mean` and `max` are exact, the rest within 2 %. All 0 while `count` is 0. */
export interface Percentiles {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** One worker as `pool.workers()` lists it. */
export interface WorkerInfo {
  /** Never reused in one pool. */
  readonly id: number;
  /** 0 … size-1; -1 for a spare. */
  readonly slot: number;
  /** Undefined while its process has not been started. */
  readonly pid: number | undefined;
  readonly state: 'starting' | 'idle' | 'busy' | 'draining' | 'stopping';
  /** Started ones first, then those sent ahead (`runningMs` 0). */
  readonly tasks: readonly {
    readonly id: number;
    readonly name: string;
    readonly attempt: number;
    readonly runningMs: number;
  }[];
  /** Attempts that it has finished. */
  readonly completed: number;
  /** Milliseconds since its spawn. */
  readonly uptimeMs: number;
  /** Resident memory, where it can be known. */
  readonly rssBytes: number | undefined;
}
