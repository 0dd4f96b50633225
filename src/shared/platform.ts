/**
 * The platform: Clock, Spawner and, for each spawned process, its channel and its control file.
 *
 * Everything the pool does to the world, and everything it learns of it, goes through these
 * interfaces, so that the whole pool also runs over simulated ones, in virtual time, in one
 * process. The real ones are in src/shared/node-clock.ts and src/supervisor/node/node-spawner.ts.
 */

/** A started timer, for `clearTimer`. */
export interface Timer {
  readonly timer: unknown;
}

export interface Clock {
  /** Milliseconds, with fractions, of a monotonic clock that all processes of the machine share. */
  now(): number;
  /**
   * The difference between milliseconds since the Unix epoch and `now()` (based on
   * `performance.timeOrigin`).
   */
  readonly epoch: number;
  /** Calls back once. Timers never keep the process alive: see `hold`. */
  setTimer(callback: () => void, delayMs: number): Timer;
  clearTimer(timer: Timer): void;
  /** Calls back after one poll phase: by then, bytes that waited in a pipe have been read. */
  afterPoll(callback: () => void): void;
  /** Calls back in a microtask. */
  soon(callback: () => void): void;
  /** Keeps the parent process alive; each `hold` needs one `release`. */
  hold(): void;
  release(): void;
}

/**
 * The worker's control file: two small, private, unlinked files that the worker inherits. They
 * outlive the worker, so the parent knows exactly what a dead, spinning or stopped worker had
 * started (G2, G3, G5, G6).
 *
 * Attempts are numbered per worker by `seq`, 1, 2, 3 …, in the order in which they are sent. The
 * parent offers each one before it sends it. Before the worker receives the body of an attempt it
 * claims the offer; what the worker has not claimed, the parent can recall. Both take an offer by
 * one read at one shared position, so the system gives each offer to exactly one of them.
 */
export interface ControlFile {
  /** Offers an attempt, after all that were offered before. */
  offer(seq: number): void;
  /** From now on the worker can claim what was offered. False if the file cannot hold it. */
  commit(): boolean;
  /**
   * The lowest number among the offers that nobody has claimed or recalled; Infinity: there are
   * none. NaN: the file is broken. Undefined: only a `recall` can say.
   */
  unclaimed(): number | undefined;
  /** So many offers were made that a `recall` is due, to free the memory of the file. */
  readonly isLong: boolean;
  /** Takes back every offer that the worker has not claimed. Returns the lowest, as `unclaimed`. */
  recall(): number;
  /** Makes `context().aborted()` true for the attempt, even in a loop that never yields. */
  abort(seq: number, kind: AbortKind): void;
  /** A chunk is sent: none of its items has started. */
  expectItems(seq: number): void;
  /** The number of its items that have started; NaN if the worker certainly did not write it. */
  startedItems(seq: number): number;
}
export type AbortKind = 'cancel' | 'soft-timeout';

/** The events of one process. Each is called from the event loop, never from within `spawn`. */
export interface ProcessListener {
  /**
   * The first `bytes` of the chunk came from the worker; all of it by default. Its memory may be
   * reused after the call.
   */
  onData(chunk: Buffer, bytes?: number): void;
  /**
   * The memory for the next bytes, in the middle of a large message. Bytes read there are passed to
   * `onData` too.
   */
  readonly receiveBuffer?: Buffer | undefined;
  /** The read side of the channel has ended: no `onData` follows. Called at most once. */
  onReadEnd(): void;
  /** The process has ended. `onData` may still follow, until `onReadEnd`. Called at most once. */
  onExit(exitCode: number | null, signal: NodeJS.Signals | null): void;
  /** The process never started; nothing else follows. Called at most once. */
  onSpawnError(error: Error): void;
  /**
   * The process exists and the orphan reaper knows it: user code may run in it from now on (G8).
   */
  onSpawned(): void;
  /** The worker wrote to its stdout or stderr, and that stream is neither inherited nor ignored. */
  onOutput(stream: 'stdout' | 'stderr', chunk: Buffer): void;
  /** The bytes that `send` had to buffer have been written. */
  onDrain(): void;
}

/** The state of a process according to the system. */
export interface Vitals {
  /** Stopped by SIGSTOP or the like: it does nothing until it is continued. */
  readonly isStopped: boolean;
  /** It waits for an event. */
  readonly isSleeping: boolean;
  /** Resident memory. */
  readonly rssBytes: number;
}

/** One process, from `spawn` until `release`. None of its methods throws. */
export interface WorkerProcess {
  /** Undefined if it never started. */
  readonly pid: number | undefined;
  readonly controlFile: ControlFile;
  /**
   * Queues bytes for the worker; returns false if they had to be buffered (`onDrain` follows). A
   * failing write is not reported, because the death that causes it is.
   */
  send(bytes: readonly Buffer[]): boolean;
  /** Bytes passed to `send` that are not yet written. */
  readonly unsentBytes: number;
  /** Closes both directions of the channel from this side (a fault for `everpool/testing`). */
  disconnect(): void;
  /**
   * Signals the process and, with `killTree`, its whole process group; SIGCONT follows. Returns
   * false if nothing could receive the signal.
   */
  signal(signal: NodeJS.Signals): boolean;
  /**
   * Signals what is left of the process group after the process has exited, and resolves once
   * nothing of it runs (zombies count as ended); with false if something outlived `boundMs`.
   */
  sweep(boundMs: number): Promise<boolean>;
  /**
   * Resolves when everything it wrote to stdout and stderr has been read and passed on, or when the
   * limit has passed. Never rejects.
   */
  flush(limitMs: number): Promise<void>;
  /** Its state, where the system shows it (Linux). */
  vitals(): Vitals | undefined;
  /**
   * How long its main thread has waited for a processor so far, in milliseconds, where the system
   * shows it (Linux); 0 elsewhere.
   */
  waitedMs(): number;
  /**
   * The stack of its JavaScript, found within `limitMs`; undefined if that is impossible. Never
   * rejects.
   */
  stack(limitMs: number): Promise<string | undefined>;
  /** Releases every descriptor and listener. Nothing is called afterwards. */
  release(): void;
}

export interface Spawner {
  /** Starts one worker process. Never throws: a failure arrives as `onSpawnError`. */
  spawn(workerId: number, listener: ProcessListener): WorkerProcess;
  /** The pool has closed: releases what the spawner itself holds. */
  close(): void;
}
