/**
 * The option objects of a pool and of its methods. Times are in milliseconds, sizes in bytes.
 *
 * Every option is checked when it is given, against the tables of this folder (option-table.ts). An
 * option given as `undefined` counts as not given. A wrong option throws an OptionsError (code
 * ERR_EVERPOOL_OPTIONS) that names the option, the rule and the value.
 */

// ---- of a pool

/**
 * The options of `new Pool`.
 *
 * @example
 * const pool = new Pool({
 *   module: new URL('./tasks.js', import.meta.url),
 *   size: { min: 1, max: 8 },
 *   task: { timeoutMs: 30_000, retries: 1 },
 * });
 */
export interface PoolOptions {
  /**
   * The task module: an absolute path, a file: URL, or any other URL that Node can import. Without
   * a module, only `exec` works. A relative path is refused, because it does not say relative to
   * what: write `new URL('./tasks.js', import.meta.url)`.
   */
  module?: string | URL | undefined;
  /**
   * The name of the pool in logs, metrics, errors and process titles: a non-empty string.
   * @default 'everpool'
   */
  name?: string | undefined;
  /**
   * The number of workers: an integer >= 1, or `{min, max}`, which makes the pool elastic. An
   * elastic pool grows while tasks wait and shrinks after `idleTimeoutMs`.
   * @default os.availableParallelism(), or the CPU quota of the cgroup if that is less
   */
  size?: number | PoolSize | undefined;
  /**
   * The number of ready workers in reserve, beyond `size`. When a worker dies, a spare takes its
   * slot immediately. An integer >= 0.
   * @default 0
   */
  spares?: number | undefined;
  /**
   * The number of tasks that one worker runs at once: an integer from 1 to 1000. More than 1 only
   * helps tasks that await, and killing one by force then orphans its neighbours (G5).
   * @default 1
   */
  concurrency?: number | undefined;
  /** Sends very short tasks ahead to busy workers (G11). @default true */
  pipelining?: boolean | undefined;
  /**
   * The number of tasks that may be queued before `run` rejects with QueueFullError: an integer
   * >= 1, or Infinity. Running tasks do not count.
   * @default Infinity
   */
  queueLimit?: number | undefined;
  /** Defaults for every task. A task's own option replaces the default, `retries` as a whole. */
  task?: TaskDefaults | undefined;
  /**
   * Milliseconds from the abort signal to the first step of `killLadder`: a finite number >= 0.
   * @default 1000
   */
  graceMs?: number | undefined;
  /**
   * How a worker is killed after the grace: each step sends its signal and waits `waitMs` for the
   * process to exit. A last SIGKILL (5000 ms) is added if there is none.
   * @default [{SIGTERM, 1000}, {SIGKILL, 5000}]
   */
  killLadder?: readonly KillStep[] | undefined;
  /** How many deaths break the pool, and how long a replacement waits. */
  restart?: RestartIntensityOptions | undefined;
  /**
   * Milliseconds after which a worker that is not ready is killed, which counts as a boot death: a
   * number > 0; Infinity: never. On Linux the time in which it waits for a free processor does not
   * count.
   * @default 30_000
   */
  bootTimeoutMs?: number | undefined;
  /**
   * When a worker is replaced between two tasks. The replacement is ready before the old worker
   * leaves.
   * @default never
   */
  recycle?: RecycleOptions | undefined;
  /** Hard memory limits of one worker. @default none */
  limits?: LimitOptions | undefined;
  /**
   * Milliseconds without a task after which a worker beyond `size.min` leaves: a number >= 0;
   * Infinity: never.
   * @default 60_000
   */
  idleTimeoutMs?: number | undefined;
  /**
   * Finds workers that are stopped or hung while they run no task, or that do not start a task they
   * were sent. A worker that runs a started attempt is never killed for being busy, only for being
   * stopped. `false`: off.
   */
  heartbeat?: HeartbeatOptions | false | undefined;
  /** Kills the descendants of a worker with it: its process group. @default true */
  killTree?: boolean | undefined;
  /**
   * Finds out where a worker that timed out was before it is killed:
   * `TaskTimeoutError.workerStack`.
   * @default false
   */
  diagnose?: boolean | undefined;
  /** A value for every `onStart` hook. It must be structured-cloneable. */
  workerData?: unknown;
  /** Variables added to `process.env` for the workers; `undefined` removes one. */
  env?: NodeJS.ProcessEnv | undefined;
  /** The working directory of the workers. @default process.cwd() */
  cwd?: string | undefined;
  /**
   * The Node that runs the workers: its path, or a name to find in PATH. A program that is a single
   * executable must name one.
   * @default process.execPath
   */
  execPath?: string | undefined;
  /**
   * Node's own options for the workers.
   * @default the parent's, without those for debugging, watching and testing
   */
  execArgv?: readonly string[] | undefined;
  /** The `process.argv.slice(2)` of the workers. @default [] */
  argv?: readonly string[] | undefined;
  /** The user id of the workers: an integer >= 0. It needs the right to set it. */
  uid?: number | undefined;
  /** The group id of the workers: an integer >= 0. It needs the right to set it. */
  gid?: number | undefined;
  /** Where the output of the workers goes; 'pipe': to the 'stdout' event. @default 'inherit' */
  stdout?: 'inherit' | 'ignore' | 'pipe' | undefined;
  /**
   * Where the error output of the workers goes; 'pipe': to the 'stderr' event. Errors quote its
   * end, unless it is ignored.
   * @default 'inherit'
   */
  stderr?: 'inherit' | 'ignore' | 'pipe' | undefined;
  /** Node's permission model for the workers. @default off */
  permission?: PermissionOptions | undefined;
  /** Terminates the pool when it aborts. */
  signal?: AbortSignal | undefined;
}

/**
 * The bounds of an elastic pool: integers, 0 <= min <= max, max >= 1.
 *
 * @example
 * new Pool({ size: { min: 0, max: 8 } }); // no worker while there is no task
 */
export interface PoolSize {
  min: number;
  max: number;
}

/**
 * One step of the kill ladder: the signal, and for how many milliseconds to wait for the process to
 * exit.
 *
 * @example
 * new Pool({ killLadder: [{ signal: 'SIGINT', waitMs: 500 }] }); // then SIGKILL
 */
export interface KillStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

/**
 * The restart intensity, as in an OTP supervisor: more than `intensity` charged deaths without a
 * proof of health between them break the pool, however slowly they come. A broken pool rejects its
 * tasks with PoolBrokenError. `periodMs` limits how fast workers are spawned meanwhile.
 * docs/supervision.md says which deaths are charged.
 *
 * @example
 * new Pool({ restart: { intensity: 10, periodMs: 60_000, probeMs: false } });
 */
export interface RestartIntensityOptions {
  /** An integer >= 0. @default max(5, 2 × max size) */
  intensity?: number | undefined;
  /** A finite number > 0. @default 10_000 */
  periodMs?: number | undefined;
  /**
   * The delays between charged deaths. A worker whose death is not charged is replaced immediately.
   */
  backoff?: BackoffOptions | undefined;
  /**
   * Milliseconds after which a broken pool tries one worker (half-open): a finite number > 0;
   * `false`: only `revive()` leaves `broken`.
   * @default periodMs
   */
  probeMs?: number | false | undefined;
}

/**
 * The delay before the n-th replacement: `initialMs × factor^(n-1)`, at most `maxMs`, ± `jitter`.
 *
 * @example
 * new Pool({ restart: { backoff: { initialMs: 100, maxMs: 30_000 } } });
 */
export interface BackoffOptions {
  /** A finite number >= 0. @default 50, or maxMs if that is less */
  initialMs?: number | undefined;
  /** A finite number >= 1. @default 2 */
  factor?: number | undefined;
  /** A finite number >= initialMs. @default 5000, or initialMs if that is more */
  maxMs?: number | undefined;
  /** The fraction by which each delay varies at random: 0 to 1. @default 0.2 */
  jitter?: number | undefined;
}

/**
 * When a worker is replaced between two tasks. Recycling is not a death, and is charged to nobody.
 *
 * @example
 * new Pool({ recycle: { afterTasks: 1000, aboveRssBytes: 512 * 2 ** 20, jitter: 0.1 } });
 */
export interface RecycleOptions {
  /** The number of tasks that a worker never exceeds: an integer >= 1. */
  afterTasks?: number | undefined;
  /** Milliseconds since the spawn: a finite number > 0. */
  afterMs?: number | undefined;
  /** Resident memory in bytes, between tasks: an integer >= 1. */
  aboveRssBytes?: number | undefined;
  /**
   * Lowers each limit by a random fraction up to this one, so that workers do not all leave
   * together: 0 to 1.
   * @default 0
   */
  jitter?: number | undefined;
}

/**
 * Hard memory limits of one worker.
 *
 * @example
 * new Pool({ limits: { rssBytes: 2 ** 30, heapMb: 512 } });
 */
export interface LimitOptions {
  /**
   * Resident memory in bytes, above which the worker is killed and its task rejects with
   * OutOfMemoryError: an integer >= 1.
   */
  rssBytes?: number | undefined;
  /** V8's `--max-old-space-size`, in MiB: an integer >= 1. */
  heapMb?: number | undefined;
}

/**
 * How hung and stopped workers are found.
 *
 * @example
 * new Pool({ heartbeat: { intervalMs: 1000, timeoutMs: 5000 } });
 */
export interface HeartbeatOptions {
  /**
   * Milliseconds between two checks of a quiet worker: a finite number > 0.
   * @default 2500, or a quarter of timeoutMs if that is less
   */
  intervalMs?: number | undefined;
  /**
   * Milliseconds of silence after which it is killed: a finite number >= intervalMs.
   * @default 10_000, or four times intervalMs if that is more
   */
  timeoutMs?: number | undefined;
}

/**
 * What the workers may do under Node's permission model. Everything not given is denied.
 *
 * @example
 * new Pool({ module, permission: { fsRead: ['/srv/images/*'] } });
 */
export interface PermissionOptions {
  /**
   * Paths for Node's `--allow-fs-read`. The pool adds the paths that a worker needs to start.
   * @default []
   */
  fsRead?: readonly string[] | undefined;
  /** Paths for Node's `--allow-fs-write`. @default [] */
  fsWrite?: readonly string[] | undefined;
  /** @default false */
  childProcess?: boolean | undefined;
  /** @default false */
  addons?: boolean | undefined;
  /** @default false */
  workerThreads?: boolean | undefined;
  /** The network, where Node can deny it (Node 25 and newer). @default false */
  net?: boolean | undefined;
}

// ---- of a task

/**
 * The options of `run`, `exec` and `stream`. They override `PoolOptions.task`.
 *
 * @example
 * pool.run('resize', [image], { timeoutMs: 5000, retries: 2, tag: 'thumbnails' });
 */
export interface TaskOptions {
  /**
   * Cancels the task, which then rejects with `signal.reason`. Any number of tasks may share one.
   */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds from the start of an attempt in the worker. Then the worker is killed, and the
   * task rejects with TaskTimeoutError. A number >= 0; Infinity: never.
   * @default never
   */
  timeoutMs?: number | undefined;
  /**
   * Milliseconds from the start of an attempt. Then only the worker's `context().signal` fires.
   * A number >= 0; Infinity: never.
   * @default never
   */
  softTimeoutMs?: number | undefined;
  /**
   * Milliseconds from submission to the start of the first attempt. Then the task rejects with
   * TaskTimeoutError. A number >= 0; Infinity: never.
   * @default never
   */
  queueTimeoutMs?: number | undefined;
  /**
   * The highest priority runs first; equal ones run in order of submission. Any finite number.
   * @default 0
   */
  priority?: number | undefined;
  /**
   * How often the task may be started again. A number means `{ crash: n }`. More than 0 promises
   * that starting the task twice does no harm.
   * @default 0: at most once
   */
  retries?: number | RetryOptions | undefined;
  /** A label for killTasks, events and messages. */
  tag?: string | undefined;
  /** Receives each value that the task reports with `context().progress`. */
  onProgress?: ((value: unknown) => void) | undefined;
}

/**
 * Defaults for every task of a pool. A signal, a tag or a progress callback belongs to one task.
 *
 * @example
 * new Pool({ module, task: { timeoutMs: 30_000, retries: 1 } });
 */
export type TaskDefaults = Omit<TaskOptions, 'signal' | 'tag' | 'onProgress'>;

/**
 * How often a task may be started again, by what ended the attempt: integers >= 0. A task's retries
 * replace the pool's default as a whole, so `retries: 0` always means at most once.
 *
 * @example
 * const delayMs = (attempt) => 100 * 2 ** attempt;
 * pool.run('fetchPage', [url], { retries: { crash: 1, error: 3, delayMs } });
 */
export interface RetryOptions {
  /** After the death of its worker while it ran. @default 0 */
  crash?: number | undefined;
  /** After it ran longer than `timeoutMs`. @default 0 */
  timeout?: number | undefined;
  /** After it threw. @default 0 */
  error?: number | undefined;
  /**
   * Milliseconds before the next attempt, a finite number >= 0; or a function that returns them and
   * takes the number of the attempt that failed, from 1.
   * @default 0
   */
  delayMs?: number | ((attempt: number) => number) | undefined;
}

// ---- of a map

/**
 * The options of `map` and `starmap`: those of each item's task, and those of the batch.
 *
 * @example
 * const pages = pool.map('fetchPage', urls, { ordered: false, bufferSize: 100 });
 * for await (const page of pages) save(page);
 */
export interface MapOptions extends TaskOptions {
  /** Results come in the order of the items; `false`: as they finish. @default true */
  ordered?: boolean | undefined;
  /**
   * The number of items sent to a worker together: an integer >= 1. 'auto' sizes chunks by measured
   * durations, and only for tasks that may be retried after a crash; others go one by one.
   * @default 'auto'
   */
  chunkSize?: number | 'auto' | undefined;
  /**
   * The number of items that may be read ahead of the results taken: an integer >= 1.
   * @default 4 × size × chunk
   */
  bufferSize?: number | undefined;
  /** After the first failure: cancel the rest ('stop'), or go on. @default 'stop' */
  onError?: 'stop' | 'continue' | undefined;
  /**
   * An append-only file of finished items: a path or a file: URL. A map that starts again with the
   * same file skips them.
   */
  journal?: string | URL | undefined;
  /** With a journal: run again only missing items, or failed ones too. @default 'missing' */
  resume?: 'missing' | 'failed' | undefined;
}

// ---- of the methods of a pool

/**
 * Which tasks `killTasks` ends: without options, all.
 *
 * @example
 * await pool.killTasks({ tag: 'thumbnails', reason: 'the user left' });
 */
export interface KillTasksOptions {
  /** Only tasks with this tag. */
  tag?: string | undefined;
  /** Tasks that have not started. @default true */
  queued?: boolean | undefined;
  /** Tasks that have started. @default true */
  running?: boolean | undefined;
  /** The `reason` of their TaskCancelledError. */
  reason?: unknown;
}

/**
 * How `killWorker` kills.
 *
 * @example
 * await pool.killWorker(3, { signal: 'SIGTERM' });
 */
export interface KillWorkerOptions {
  /** The first signal. @default 'SIGKILL' */
  signal?: NodeJS.Signals | undefined;
}

/**
 * How `close` ends the pool.
 *
 * @example
 * await pool.close({ cancelQueued: true, timeoutMs: 10_000 });
 */
export interface CloseOptions {
  /** Cancels queued tasks instead of finishing them. @default false */
  cancelQueued?: boolean | undefined;
  /**
   * Milliseconds after which `close` becomes `terminate()`: a number >= 0; Infinity: never.
   * @default never
   */
  timeoutMs?: number | undefined;
}

/**
 * How `terminate` ends the pool.
 *
 * @example
 * await pool.terminate({ graceMs: 0 });
 */
export interface TerminateOptions {
  /** Milliseconds of grace, instead of the pool's `graceMs`: a finite number >= 0. */
  graceMs?: number | undefined;
}

/**
 * How `restart` replaces the workers.
 *
 * @example
 * await pool.restart({ rolling: false });
 */
export interface RestartOptions {
  /** One worker at a time, each only after its replacement is ready. @default true */
  rolling?: boolean | undefined;
}

/**
 * The options of `pool.scope` and `scope.scope`.
 *
 * @example
 * await using scope = pool.scope({ signal: request.signal, tag: 'request' });
 */
export interface ScopeOptions {
  /** Ends the scope, and with it everything that was started in it. */
  signal?: AbortSignal | undefined;
  /** The tag of its tasks that have none of their own. */
  tag?: string | undefined;
}
