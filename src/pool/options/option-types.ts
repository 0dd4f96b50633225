/**
 * The options of a pool and of a task. Times are milliseconds, sizes are bytes.
 *
 * Every option is checked when it is given (pool-options.ts, task-options.ts): what is written here is what is checked there.
 * An option given as `undefined` counts as not given.
 */
export interface PoolOptions {
  /** The task module: an absolute path, a file: URL, or any other URL that Node can import. A relative path is
   *  refused: relative to what? Say `new URL('./tasks.js', import.meta.url)`. Without a module only `exec` works. */
  module?: string | URL | undefined;
  /** For logs, metrics and the process title of the workers. @default 'everpool' */
  name?: string | undefined;
  /** How many workers: an integer >= 1; or `{min, max}` with 0 <= min <= max and max >= 1, which makes the pool
   *  elastic: it grows when tasks wait and shrinks after `idleTimeoutMs`. @default os.availableParallelism(), or the quota of the cgroup if that is less */
  size?: number | PoolSize | undefined;
  /** Ready workers kept in reserve beyond `size`, promoted at once when one dies: an integer >= 0. @default 0 */
  spares?: number | undefined;
  /** Tasks at once in one worker: an integer from 1 to 1000. More than 1 only helps tasks that await, and a forced kill of
   *  one then orphans its neighbours (G5). @default 1 */
  concurrency?: number | undefined;
  /** Send very short tasks ahead to busy workers (G11). @default true */
  pipelining?: boolean | undefined;
  /** How many tasks may be queued (running ones do not count) before `run` rejects with QueueFullError: an integer
   *  >= 1, or Infinity. @default Infinity */
  queueLimit?: number | undefined;
  /** Defaults for every task. A task's own option replaces the default, `retries` as a whole. */
  task?: TaskDefaults | undefined;
  /** Milliseconds from the abort signal to the first signal of `killLadder`: a finite number >= 0. @default 1000 */
  graceMs?: number | undefined;
  /** How a worker is ended once the grace is over: each step sends its signal and waits `waitMs` for the end. A last
   *  SIGKILL (5000 ms) is added if it is missing. @default [{SIGTERM, 1000}, {SIGKILL, 5000}] */
  killLadder?: readonly KillStep[] | undefined;
  /** Restart intensity, as in an OTP supervisor, with back-off: more than `intensity` charged deaths within `periodMs`,
   *  or that many in a row, break the pool. README says which deaths are charged. */
  restart?: RestartIntensityOptions | undefined;
  /** A worker that is not ready after so many milliseconds is killed and counts as a boot death: a number > 0;
   *  Infinity: never. @default 30_000 */
  bootTimeoutMs?: number | undefined;
  /** Replaces a worker between tasks; the replacement is ready before the old one leaves. @default never */
  recycle?: RecycleOptions | undefined;
  /** Hard limits of one worker. @default none */
  limits?: LimitOptions | undefined;
  /** Milliseconds without a task after which a worker beyond `size.min` leaves: a number >= 0; Infinity: never.
   *  @default 60_000 */
  idleTimeoutMs?: number | undefined;
  /** Finds workers that are stopped or hung though they run no task, or do not answer to one they were sent. A worker
   *  in which a started attempt runs is never killed by it for being busy, only for being stopped. `false`: off. */
  heartbeat?: HeartbeatOptions | false | undefined;
  /** Kill a worker's descendants with it: its process group. @default true */
  killTree?: boolean | undefined;
  /** Before a timed-out worker is killed, find out where it was: `TaskTimeoutError.workerStack`. @default false */
  diagnose?: boolean | undefined;
  /** Given to every `onStart` hook. Structured-cloneable. */
  workerData?: unknown;
  /** Added to `process.env` for the workers; `undefined` removes a name. */
  env?: NodeJS.ProcessEnv | undefined;
  /** Working directory of the workers. @default process.cwd() */
  cwd?: string | undefined;
  /** The Node that the workers run in: its path, or a name that is found in PATH. A program that is a single executable has to
   *  name one. @default process.execPath */
  execPath?: string | undefined;
  /** Node's own options for the workers. @default the parent's, without those for debugging, watching and testing */
  execArgv?: readonly string[] | undefined;
  /** What the workers see in `process.argv.slice(2)`. @default [] */
  argv?: readonly string[] | undefined;
  /** User id of the workers; needs the right to set it. */
  uid?: number | undefined;
  /** Group id of the workers; needs the right to set it. */
  gid?: number | undefined;
  /** Where the workers' output goes; 'pipe': the 'stdout' event. @default 'inherit' */
  stdout?: 'inherit' | 'ignore' | 'pipe' | undefined;
  /** Where the workers' error output goes; 'pipe': the 'stderr' event. Its tail is kept for errors unless it is
   *  ignored. @default 'inherit' */
  stderr?: 'inherit' | 'ignore' | 'pipe' | undefined;
  /** Node's permission model for the workers. @default off */
  permission?: PermissionOptions | undefined;
  /** Terminates the pool when aborted. */
  signal?: AbortSignal | undefined;
}

/** The bounds of an elastic pool: integers, 0 <= min <= max, max >= 1. */
export interface PoolSize {
  min: number;
  max: number;
}

/** One rung of the kill ladder: the signal, and how many milliseconds to wait for the end after it. */
export interface KillStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

export interface RestartIntensityOptions {
  /** An integer >= 0. @default max(5, 2 × max size) */
  intensity?: number | undefined;
  /** A finite number > 0. @default 10_000 */
  periodMs?: number | undefined;
  /** Between charged deaths; a worker whose death is not charged is replaced at once. */
  backoff?: BackoffOptions | undefined;
  /** After so many milliseconds a broken pool tries one worker (half-open): a finite number > 0; `false`: only
   *  `revive()` leaves `broken`. @default periodMs */
  probeMs?: number | false | undefined;
}

/** The delay before the n-th replacement: `initialMs × factor^(n-1)`, at most `maxMs`, ± `jitter`. */
export interface BackoffOptions {
  /** A finite number >= 0. @default 50, or maxMs if that is less */
  initialMs?: number | undefined;
  /** A finite number >= 1. @default 2 */
  factor?: number | undefined;
  /** A finite number >= initialMs. @default 5000, or initialMs if that is more */
  maxMs?: number | undefined;
  /** The fraction by which a delay is varied at random: 0 to 1. @default 0.2 */
  jitter?: number | undefined;
}

export interface RecycleOptions {
  /** A worker never starts more tasks than this: an integer >= 1. */
  afterTasks?: number | undefined;
  /** Milliseconds since its spawn: a finite number > 0. */
  afterMs?: number | undefined;
  /** Resident memory between tasks: an integer >= 1. */
  aboveRssBytes?: number | undefined;
  /** Lowers each limit by a random fraction up to this, so that workers do not all leave together: 0 to 1. @default 0 */
  jitter?: number | undefined;
}

export interface LimitOptions {
  /** Over so many bytes of resident memory the worker is killed, its task rejects with OutOfMemoryError: an integer >= 1. */
  rssBytes?: number | undefined;
  /** V8's `--max-old-space-size`: an integer >= 1. */
  heapMb?: number | undefined;
}

export interface HeartbeatOptions {
  /** How often a quiet worker is asked: a finite number > 0. @default 2500, or a quarter of timeoutMs if that is less */
  intervalMs?: number | undefined;
  /** How long it may stay silent: a finite number >= intervalMs. @default 10_000, or four times intervalMs if that is more */
  timeoutMs?: number | undefined;
}

/** What the workers may do under Node's permission model; what is not given is denied. */
export interface PermissionOptions {
  /** Paths that may be read, as in Node's `--allow-fs-read`; what the workers need to start is added. */
  fsRead?: readonly string[] | undefined;
  /** Paths that may be written, as in Node's `--allow-fs-write`. */
  fsWrite?: readonly string[] | undefined;
  childProcess?: boolean | undefined;
  addons?: boolean | undefined;
  workerThreads?: boolean | undefined;
  /** The network, where Node can deny it (from Node 25 on). */
  net?: boolean | undefined;
}

// ---------------------------------------------------------------------------- of a task

export interface TaskOptions {
  /** Cancels the task; it rejects with `signal.reason`. Any number of tasks may share one. */
  signal?: AbortSignal | undefined;
  /** Milliseconds from the start of an attempt in the worker; then the worker is killed and the task rejects with
   *  TaskTimeoutError. A number >= 0; Infinity: never. @default never */
  timeoutMs?: number | undefined;
  /** Milliseconds from the start of an attempt; then only the worker's `context().signal` fires. A number >= 0;
   *  Infinity: never. @default never */
  softTimeoutMs?: number | undefined;
  /** Milliseconds from submission to the start of the first attempt; then the task rejects with TaskTimeoutError. A
   *  number >= 0; Infinity: never. @default never */
  queueTimeoutMs?: number | undefined;
  /** Higher first; equal: first in, first out. Any finite number. @default 0 */
  priority?: number | undefined;
  /** How often the task may be started again. A number is `{ crash: n }`. Saying more than 0 says that starting the
   *  task twice does no harm. @default 0: at most once */
  retries?: number | RetryOptions | undefined;
  /** For killTasks, events, logs. */
  tag?: string | undefined;
  /** Called with each value that the task reports with `context().progress`. */
  onProgress?: ((value: unknown) => void) | undefined;
}

/** Defaults for every task of a pool. */
export type TaskDefaults = Omit<TaskOptions, 'signal' | 'tag' | 'onProgress'>;

/** How often a task may be started again, by what ended the attempt: integers >= 0. Given for one task, they replace
 *  the pool's default as a whole: `retries: 0` always means at most once. */
export interface RetryOptions {
  /** Its worker died while it ran. @default 0 */
  crash?: number | undefined;
  /** It ran past `timeoutMs`. @default 0 */
  timeout?: number | undefined;
  /** It threw. @default 0 */
  error?: number | undefined;
  /** Milliseconds before the next attempt (a finite number >= 0), or a function of the number of the attempt that failed (from 1). @default 0 */
  delayMs?: number | ((attempt: number) => number) | undefined;
}

// ---------------------------------------------------------------------------- of a map, and of the methods of a pool

export interface MapOptions extends TaskOptions {
  /** Results in the order of the items, or as they come. @default true */
  ordered?: boolean | undefined;
  /** Items sent to a worker at once: an integer >= 1. 'auto' sizes chunks by measured duration, and chunks only tasks
   *  that may be retried after a crash; others go one by one. @default 'auto' */
  chunkSize?: number | 'auto' | undefined;
  /** The most items pulled from the input ahead of the results taken: an integer >= 1. @default 4 × size × chunk */
  bufferSize?: number | undefined;
  /** First failure: cancel the rest ('stop'), or go on. @default 'stop' */
  onError?: 'stop' | 'continue' | undefined;
  /** An append-only file of finished items: a path or a file: URL. A map started again with the same file skips them. */
  journal?: string | URL | undefined;
  /** With a journal: run again only what is missing, or also what failed. @default 'missing' */
  resume?: 'missing' | 'failed' | undefined;
}

/** Which tasks `killTasks` ends; without options, all. */
export interface KillTasksOptions {
  /** Only those with this tag. */
  tag?: string | undefined;
  /** Those that have not started. @default true */
  queued?: boolean | undefined;
  /** Those that have. @default true */
  running?: boolean | undefined;
  /** `TaskCancelledError.reason`. */
  reason?: unknown;
}

export interface KillWorkerOptions {
  /** @default 'SIGKILL' */
  signal?: NodeJS.Signals | undefined;
}

export interface CloseOptions {
  /** Cancel what has not started, instead of finishing it. @default false */
  cancelQueued?: boolean | undefined;
  /** After so many milliseconds it turns into `terminate()`: a number >= 0; Infinity: never. @default never */
  timeoutMs?: number | undefined;
}

export interface TerminateOptions {
  /** Instead of the pool's `graceMs`: a finite number >= 0. */
  graceMs?: number | undefined;
}

export interface RestartOptions {
  /** One worker at a time, each only after its replacement is ready. @default true */
  rolling?: boolean | undefined;
}

export interface ScopeOptions {
  /** Cancels every task of the scope. */
  signal?: AbortSignal | undefined;
  /** The tag of its tasks that have none of their own. */
  tag?: string | undefined;
}
