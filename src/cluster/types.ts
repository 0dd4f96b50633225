/**
 * The public types of `everpool/cluster`. Times are in milliseconds, sizes in bytes.
 *
 * A *host* is one process that serves a task module with a local pool of its own. A *client* is a
 * `Cluster`. The *store* is the Redis or the PostgreSQL between them.
 */
import type { AnyBatch, RunningTask } from '../pool/executor.js';
import type { Pool } from '../pool/pool.js';
import type { MapOptions, PoolOptions, TaskDefaults } from '../pool/types.js';

// ---- the connection

/**
 * Where the store is: a Redis (or Valkey), or a PostgreSQL.
 *
 * @example
 * const connection: Connection = { redis: 'rediss://worker:secret@redis.internal' };
 */
export type Connection = RedisConnection | PostgresConnection;

/**
 * A Redis or Valkey, from version 6.2.
 *
 * @example
 * const connection: RedisConnection = { redis: { host: 'redis.internal', password, tls: {} } };
 */
export interface RedisConnection {
  /**
   * A URL (`redis://`, or `rediss://` for TLS), or the options of ioredis. Its `maxmemory-policy`
   * must be `noeviction`: clients and hosts check that.
   */
  redis: string | Record<string, unknown>;
  /** The start of every key. An ACL may be limited to it: `~everpool:*`. @default 'everpool' */
  prefix?: string | undefined;
}

/**
 * A PostgreSQL.
 *
 * @example
 * const connection: PostgresConnection = { postgres: 'postgres://worker@db.internal/app' };
 */
export interface PostgresConnection {
  /**
   * A URL, or the options of pg (`ssl` included). A `pg.Pool` is refused, because everpool sets the
   * search path of its connections.
   */
  postgres: string | Record<string, unknown>;
  /** The schema of all tables. A role may be limited to it. @default 'everpool' */
  schema?: string | undefined;
  /**
   * Creates or updates the tables at the start. With `false`, a deployment does that with
   * `everpool cluster migrate`.
   * @default true
   */
  migrate?: boolean | undefined;
  /**
   * The number of connections of a client or a host; one more listens.
   * @default 8 for a host, 4 for a client
   */
  max?: number | undefined;
}

// ---- the host

/**
 * The options of `serve`.
 *
 * @example
 * const options: ServeOptions = { connection, name: 'images@2', pool: { size: 8 }, secret };
 */
export interface ServeOptions {
  connection: Connection;
  /**
   * The clients give the same name. Put a version of the task module into it (`images@2`), and
   * change that when the module changes its functions: hosts of another version then never get its
   * tasks. Letters, digits, and `- _ . @`.
   * @default 'everpool'
   */
  name?: string | undefined;
  /**
   * The name of this host in errors, `hosts()` and dashboards.
   * @default `${os.hostname()}.${process.pid}`
   */
  host?: string | undefined;
  /**
   * The options of the local pool, without `module`, `name`, `queueLimit`, `task` and `signal`. The
   * host takes up to its maximum size × concurrency tasks, so none waits inside the pool.
   */
  pool?: Omit<PoolOptions, 'module' | 'name' | 'queueLimit' | 'task' | 'signal'> | undefined;
  /**
   * How long a host may be silent before it loses its tasks: a number >= 1000. The host renews its
   * locks at half of that. A shorter time finds a dead host sooner; if it is shorter than the
   * transfer of a large payload, living hosts lose tasks.
   * @default 15_000
   */
  lockMs?: number | undefined;
  /**
   * How often the hosts check for tasks of silent hosts. The tasks of a dead host go to others
   * within `lockMs + 2 × checkMs`.
   * @default lockMs / 3
   */
  checkMs?: number | undefined;
  /**
   * How long `close()` lets running tasks go on. After that, a task with `retries.crash` left
   * starts on another host, and one without rejects with HostLostError (`why: 'drained'`). Tasks
   * that have not started go to other hosts immediately, and nothing is counted.
   * @default 25_000
   */
  drainMs?: number | undefined;
  /** The most bytes of the arguments or the result of one task, as stored. @default 8 MiB */
  payloadLimit?: number | undefined;
  /**
   * Results up to this size travel in an event, which every client reads. The client that waits for
   * a larger one fetches it.
   * @default 65_536
   */
  inlineLimit?: number | undefined;
  /**
   * How long the store keeps a finished task whose result nobody reads. Give all hosts of one name
   * the same. The results of a named batch stay for this long, or until `forget()`.
   * @default 3_600_000
   */
  keepMs?: number | undefined;
  /**
   * Seals tasks, results, errors, progress and cancels with HMAC-SHA256. Hosts and clients refuse
   * what carries no valid seal. The first secret seals; all are valid, so that a secret can be
   * replaced. Without a secret, whoever can write to the store can run any exported function with
   * any arguments.
   * @default none
   */
  secret?: string | readonly string[] | undefined;
  /** Closes the host when it fires. */
  signal?: AbortSignal | undefined;
}

/**
 * A running host, from `serve`.
 *
 * @example
 * const host: Host = await serve(module, { connection });
 * process.once('SIGTERM', () => host.close());
 */
export interface Host extends AsyncDisposable {
  /** The name of the host. */
  readonly id: string;
  /** The number of tasks that it runs at once. */
  readonly slots: number;
  readonly state: 'open' | 'draining' | 'closed';
  /** The ids of the tasks that it has taken. */
  readonly running: readonly string[];
  /** The local pool, to observe and to resize. Only the host may close it. */
  readonly pool: Pool;
  /**
   * Takes no more tasks, lets running ones finish for `drainMs`, gives back or fails the rest, and
   * disconnects. Takes at most `drainMs` and the kill ladder of the pool, and a few seconds if the
   * store does not answer.
   * @example await host.close({ drainMs: 5000 });
   */
  close(options?: { drainMs?: number }): Promise<void>;
  /** Adds a listener. @example host.on('fenced', ({ ids }) => log('lost', ids)); */
  on<E extends keyof HostEvents>(event: E, listener: (payload: HostEvents[E]) => void): this;
  /** Removes a listener. @example host.off('fenced', listener); */
  off<E extends keyof HostEvents>(event: E, listener: (payload: HostEvents[E]) => void): this;
}

/**
 * The events of a host.
 *
 * @example
 * host.on('taskGiven', ({ id, outcome, ms }: HostEvents['taskGiven']) => log(id, outcome, ms));
 */
export interface HostEvents {
  /** The host has a task from the store. */
  taskTaken: { id: string; name: string; attempt: number; tag?: string };
  /** The store has the outcome. `returned`: any host may take it. `fenced`: see below. */
  taskGiven: { id: string; outcome: 'succeeded' | 'failed' | 'cancelled' | 'returned' | 'fenced'; ms: number };
  /**
   * The host was frozen or cut off for nearly `lockMs`, and has killed these tasks, because other
   * hosts may start them.
   */
  fenced: { ids: readonly string[] };
  /** The store is away, or refuses something. The host retries. */
  storeError: { error: Error };
  /** The store answers again. */
  recovered: Record<never, never>;
}

// ---- the client

/**
 * The options of `new Cluster`.
 *
 * @example
 * const options: ClusterOptions = { connection, name: 'images@2', task: { retries: 1 }, secret };
 */
export interface ClusterOptions {
  connection: Connection;
  /** The name that the hosts serve. @default 'everpool' */
  name?: string | undefined;
  /** Defaults for every task. */
  task?: TaskDefaults | undefined;
  /**
   * The number of tasks of this client that may be pending before `run` rejects with
   * QueueFullError.
   * @default Infinity
   */
  pendingLimit?: number | undefined;
  /**
   * The most bytes of the arguments of one task, as stored. At most that of the hosts.
   * @default 8 MiB
   */
  payloadLimit?: number | undefined;
  /**
   * How often the client looks results up in the store. Results arrive with events, which may be
   * lost.
   * @default 2000
   */
  sweepMs?: number | undefined;
  /** The secret of the hosts: see `ServeOptions.secret`. @default none */
  secret?: string | readonly string[] | undefined;
  /**
   * How long `ready()` waits for the store before it rejects with the last error of the connection.
   * @default 10_000
   */
  connectTimeoutMs?: number | undefined;
  /** Terminates the client when it fires. */
  signal?: AbortSignal | undefined;
}

/**
 * The options of `cluster.map` and `cluster.starmap`: those of a pool, without `chunkSize`,
 * `journal` and `resume`.
 *
 * @example
 * const options: ClusterMapOptions = { id: 'nightly', onError: 'continue' };
 */
export interface ClusterMapOptions extends MapOptions {
  /**
   * Names the batch, which then outlives its client: `attach(id)` gives its results to another
   * client, and the same call goes on where it was and runs nothing twice. The results stay for
   * `keepMs` of the hosts, or until `forget()`. Letters, digits, and `- _ .`.
   * @default none: results leave the store as they are read
   */
  id?: string | undefined;
  /**
   * The number of items that are read ahead of the consumer, at most 16 MiB of arguments.
   * @default max(100, 4 × the slots of all hosts)
   */
  bufferSize?: number | undefined;
}

/**
 * One submitted task: a promise of its result.
 *
 * @example
 * const task: ClusterTask<number> = cluster.run('add', [1, 2]);
 * console.log(task.id, await task);
 */
export interface ClusterTask<R> extends RunningTask<R> {
  /** Unique in the store. `cluster.end(id)` accepts it in any process. */
  readonly id: string;
  /**
   * Resolves when a host has taken the task, a few milliseconds before it starts in a worker. If
   * the task ends before, rejects with the same error.
   */
  readonly started: Promise<{ readonly startedAt: number }>;
  /**
   * As `Task.cancel`. Resolves when the task runs nowhere: its process has ended, or its host has
   * lost it.
   */
  cancel(reason?: unknown): Promise<void>;
  /** As `cancel`, without the grace. */
  kill(reason?: unknown): Promise<void>;
}

/**
 * The results of a map: as `Batch`.
 *
 * @example
 * const batch: ClusterBatch<number> = cluster.map('sizeOf', files, { id: 'nightly' });
 * for await (const size of batch) console.log(size);
 * await batch.forget();
 */
export interface ClusterBatch<R> extends AnyBatch<R> {
  readonly id: string;
  /** Ends a named batch, and removes it and its results from the store. */
  forget(): Promise<void>;
}

/**
 * The counts of `cluster.stats()`.
 *
 * @example
 * const { pending, cluster: all, hosts }: ClusterStats = await cluster.stats();
 */
export interface ClusterStats {
  /** Tasks of this client that have not settled. */
  readonly pending: number;
  readonly submitted: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** The number of results that arrived with an event. */
  readonly byEvent: number;
  /** The number of results that were found in the store. A large share means lost events. */
  readonly bySweep: number;
  /** Tasks of all clients. `kept`: finished; nobody has read them, or their batch has a name. */
  readonly cluster: { readonly queued: number; readonly running: number; readonly waiting: number; readonly kept: number };
  readonly hosts: readonly HostInfo[];
}

/**
 * One connected host.
 *
 * @example
 * for (const { name, slots } of await cluster.hosts()) console.log(name, slots);
 */
export interface HostInfo {
  readonly name: string;
  /** The number of tasks that it runs at once. */
  readonly slots: number;
}

/**
 * The events of a client.
 *
 * @example
 * cluster.on('storeError', ({ error }: ClusterEvents['storeError']) => log(error.message));
 */
export interface ClusterEvents {
  /** A task of this client has settled. `attempts`: the number of starts on all hosts. */
  taskSettled: { id: string; name: string; outcome: 'succeeded' | 'failed' | 'cancelled'; attempts: number; tag?: string };
  /** The store is away, or refuses something. The client retries. */
  storeError: { error: Error };
  /** The store answers again. */
  recovered: Record<never, never>;
  /** The client has disconnected. */
  closed: Record<never, never>;
}
