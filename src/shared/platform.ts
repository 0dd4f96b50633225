/**
 * The three doors to the world: Clock, Spawner and, behind a spawned process, its channel and its note.
 *
 * Everything the pool does to the world, and everything it learns of it, goes through these
 * interfaces, so that the whole pool also runs over simulated ones, in virtual time, in one process.
 * The real ones are in src/shared/node-clock.ts and src/supervisor/node-spawner.ts.
 */

/** A timer that was started; only good for `clearTimer`. */
export interface Timer {
  readonly timer: unknown;
}

export interface Clock {
  /** Milliseconds of a monotonic clock that all processes of the machine share, fractions included. */
  now(): number;
  /** What to add to `now()` to get milliseconds since the Unix epoch (`performance.timeOrigin`-based). */
  readonly epoch: number;
  /** Calls back once. Timers never keep the process alive: see `keepAlive`. */
  setTimer(callback: () => void, delayMs: number): Timer;
  clearTimer(timer: Timer): void;
  /** Calls back after one poll phase: what was waiting in a pipe has then been read. */
  afterPoll(callback: () => void): void;
  /** Calls back in a microtask. */
  soon(callback: () => void): void;
  /** A reason for the parent process to stay alive; each `hold` needs one `release`. */
  hold(): void;
  release(): void;
}

/**
 * The worker's note: a small private unlinked file that the worker inherits. It outlives the worker,
 * so the parent knows exactly what a dead, spinning or stopped worker had started (G2, G3, G5, G6).
 *
 * Attempts are numbered per worker by `seq`, 1, 2, 3 …, in the order in which they are sent, and a
 * worker starts (or drops) them in that order. Before it receives the body of attempt `n` it writes
 * started = n, and then reads the revoke cell of `n`; the parent writes the revoke cell and then reads
 * `started`. So of a racing start and revocation at least one side sees the other.
 */
export interface ControlFile {
  /** The highest seq that the worker has started or dropped; 0: none. User code can write there too, so it may be any number: NaN where
   *  it is known that the worker did not write it. */
  started(): number;
  /** Revokes the attempts `first` … `last`: the worker drops what it has not started. */
  revoke(first: number, last: number): void;
  /** Makes `context().aborted()` true for the attempt, also in a loop that never yields. */
  abort(seq: number, kind: AbortKind): void;
  /** A chunk is sent, and none of its items has started. */
  expectItems(seq: number): void;
  /** How many of its items have started, from the first on; NaN where it is known that the worker did not write it. */
  startedItems(seq: number): number;
}
export type AbortKind = 'cancel' | 'soft-timeout';

/** What a spawner tells of one process. Each is called from the event loop, never from within `spawn`. */
export interface ProcessListener {
  /** Bytes from the worker's side of the channel: the first `bytes` of the chunk, or all. Its memory may be used again after the call. */
  onData(chunk: Buffer, bytes?: number): void;
  /** Where the next bytes belong, in the middle of a large message: what is read straight there is given to `onData` all the same. */
  readonly receiveBuffer?: Buffer | undefined;
  /** The read side of the channel has ended: no `onData` follows. Called once at most. */
  onReadEnd(): void;
  /** The process has ended. `onData` may still follow, until `onReadEnd`. Called once at most. */
  onExit(exitCode: number | null, signal: NodeJS.Signals | null): void;
  /** The process never started; nothing else follows. Called once at most. */
  onSpawnError(error: Error): void;
  /** The process exists and the guard knows it: user code may now be let in (G8). */
  onSpawned(): void;
  /** The worker wrote to its stdout or stderr, and that stream is not inherited or ignored. */
  onOutput(stream: 'stdout' | 'stderr', chunk: Buffer): void;
  /** What `send` could not write at once has been written. */
  onDrain(): void;
}

/** A process as the system sees it. */
export interface Vitals {
  /** By SIGSTOP or the like: it does nothing until it is continued. */
  readonly isStopped: boolean;
  /** It waits for something to come. */
  readonly isSleeping: boolean;
  /** Resident memory. */
  readonly rssBytes: number;
}

/** One process, from `spawn` until `release`. None of its methods throws. */
export interface WorkerProcess {
  /** Undefined if it never started. */
  readonly pid: number | undefined;
  readonly controlFile: ControlFile;
  /** Queues bytes for the worker; false when they had to be buffered (then `onDrain` follows).
   *  A failing write is not reported: the death that causes it is, by the other events. */
  send(bytes: readonly Buffer[]): boolean;
  /** Bytes taken by `send` that are not yet written. */
  readonly unsentBytes: number;
  /** Closes both directions of the channel from this side (a fault of the chaos kit). */
  disconnect(): void;
  /** Signals the process and, with `killTree`, its whole process group; SIGCONT goes with it.
   *  False if nothing was there to receive it. */
  signal(signal: NodeJS.Signals): boolean;
  /** Signals whatever is left of the process group after the process has exited, and resolves once
   *  nothing of it runs (zombies count as ended); false if something outlived `boundMs`. */
  sweep(boundMs: number): Promise<boolean>;
  /** Resolves when what it wrote to stdout and stderr before it ended has been read and passed on, or the time is over. Never rejects. */
  flush(limitMs: number): Promise<void>;
  /** How it is, where the system tells (Linux). */
  vitals(): Vitals | undefined;
  /** Where its JavaScript is, for at most `limitMs`; undefined where that cannot be found out. Never rejects. */
  stack(limitMs: number): Promise<string | undefined>;
  /** Gives every descriptor and listener back. Nothing is called after it. */
  release(): void;
}

export interface Spawner {
  /** Starts one worker process. Never throws: a failure arrives as `onSpawnError`. */
  spawn(workerId: number, listener: ProcessListener): WorkerProcess;
  /** The pool has closed: gives back what the spawner itself holds. */
  close(): void;
}
