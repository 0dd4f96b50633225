// The examples of the documentation, for the type checker. Made by: node scripts/check-docs.js --write
// biome-ignore-all lint: it is generated
// biome-ignore-all format: it is generated
// biome-ignore-all assist: it is generated
import { Pool, QueueFullError, TaskCancelledError, WorkerDiedError, type Executor, type TaskArgs, type TaskResult } from 'everpool';
import { Cluster, HostLostError, serve, type Connection, type Host } from 'everpool/cluster';
import { InlinePool, chaos } from 'everpool/testing';
import { context, isWorker, onStart, onStop } from 'everpool/worker';
import { test } from 'vitest';

interface Tasks {
  add: (a: number, b: number) => number;
  compute: (ms: number) => number;
  sizeOf: (file: string) => Promise<number>;
  score: (record: { id: string }) => { id: string; score: number };
  crawl: (url: string) => Promise<void>;
  download: (url: string) => Promise<string>;
  queryRows: (sql: string) => AsyncGenerator<{ id: number }>;
}

declare const pool: Pool<Tasks>;
declare const cluster: Cluster<Tasks>;
declare const files: string[];
declare const urls: string[];
declare function records(): AsyncIterable<{ id: string }>;

test("README.md: Start", async () => {
  // main.js
  const pool = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 2 });
  try {
    console.log(await pool.run('add', [2, 3]));
    console.log(await pool.map('compute', [10, 20, 30]));

    const task = pool.run('compute', [60_000]);
    await task.started;
    await task.kill('takes too long'); // resolves once its process has ended
    await task.catch((error) => console.log(error.name, '-', error.reason));

    console.log(await pool.run('add', [20, 22]));
  } finally {
    await pool.close();
  }
});

test("docs/api.md: new Pool<M>(options?: PoolOptions)", async () => {
  const images = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 2, name: 'images' });
  console.log(images.name, images.state); // images open
  await images.close();
});

test("docs/api.md: pool.run(name, args?: Args, options?: TaskOptions): Task<Result>", async () => {
  console.log(await pool.run('add', [2, 3], { timeoutMs: 1000 }));
  console.log(await pool.tasks.add(2, 3)); // the same, without options
});

test("docs/api.md: pool.exec(fn, args?: Args, options?: TaskOptions): Task<Result>", async () => {
  console.log(await pool.exec((n: number) => process.pid + n, [1]));
});

test("docs/api.md: pool.map(name, items, options?: MapOptions): Batch<Result>", async () => {
  for await (const size of pool.map('sizeOf', files, { ordered: false, retries: 1 })) console.log(size);
});

test("docs/api.md: pool.starmap(name, items, options?: MapOptions): Batch<Result>", async () => {
  console.log(await pool.starmap('add', [[1, 2], [3, 4]])); // [ 3, 7 ]
});

test("docs/api.md: pool.stream(name, args?: Args, options?: TaskOptions): TaskStream<Yield>", async () => {
  for await (const row of pool.stream('queryRows', ['select 1'])) console.log(row.id);
});

test("docs/api.md: pool.scope(options?: ScopeOptions): Scope<M>", async () => {
  await using scope = pool.scope({ tag: 'request 7' });
  console.log(await scope.run('add', [1, 2]));
});

test("docs/api.md: pool.killTasks(options?: KillTasksOptions): Promise<number>", async () => {
  console.log(await pool.killTasks({ tag: 'previews', reason: 'the user left' }));
});

test("docs/api.md: pool.killWorker(id: number, options?: KillWorkerOptions): Promise<void>", async () => {
  const [worker] = pool.workers();
  if (worker !== undefined) await pool.killWorker(worker.id);
});

test("docs/api.md: pool.resize(size: number | { min: number; max: number }): void", async () => {
  pool.resize({ min: 2, max: 8 });
});

test("docs/api.md: pool.restart(options?: RestartOptions): Promise<void>", async () => {
  await pool.restart();
});

test("docs/api.md: pool.pause(): void, pool.resume(): void", async () => {
  pool.pause();
  const later = pool.run('add', [1, 2]);
  pool.resume();
  console.log(await later);
});

test("docs/api.md: pool.revive(): void", async () => {
  if (pool.state === 'broken') pool.revive();
});

test("docs/api.md: pool.room(): Promise<void>", async () => {
  await pool.ready();
  await pool.room();
  const task = pool.run('add', [1, 2]);
  await pool.idle();
  console.log(task.state); // succeeded
});

test("docs/api.md: pool.kill(): Promise<void>", async () => {
  await pool.close({ timeoutMs: 10_000 }); // after 10 s it turns into terminate()
});

test("docs/api.md: pool.workers(): WorkerInfo[], pool.stats(): PoolStats", async () => {
  for (const { id, pid, state, tasks } of pool.workers()) console.log(id, pid, state, tasks.length);
  console.log(pool.stats().queued, pool.stats().runMs.p99);
});

test("docs/api.md: pool.on(event, listener): this, pool.once(…), pool.off(…)", async () => {
  pool.on('workerDied', ({ workerId, death }) => console.warn(workerId, death.cause, death.stderrTail));
});

test("docs/api.md: Task", async () => {
  const task = pool.run('compute', [60_000], { tag: 'report' });
  const { workerId, pid } = await task.started;
  console.log(task.id, task.name, task.tag, task.state, workerId, pid);
  await task.cancel('no longer needed');
  console.log(task.state, task.attempts[0]?.outcome); // cancelled cancelled
});

test("docs/api.md: Batch", async () => {
  const batch = pool.map('sizeOf', files, { onError: 'continue' });
  batch.onProgress(({ done, total }) => console.log(batch.id, done, total, batch.progress.failed));
  console.log((await batch.settled()).length);
});

test("docs/api.md: BatchOutcome", async () => {
  for await (const { index, attempts, ms, status } of pool.map('sizeOf', files).outcomes()) {
    console.log(index, attempts, ms, status);
  }
});

test("docs/api.md: TaskStream", async () => {
  const stream = pool.stream('queryRows', ['select 1']);
  for await (const row of stream) {
    console.log(row.id, stream.task.state);
    break; // the generator's finally runs in the worker
  }
});

test("docs/api.md: Scope", async () => {
  const scope = pool.scope();
  try {
    const page = await fetch('https://example.org', { signal: scope.signal });
    console.log(page.status, await Promise.all([scope.run('add', [1, 2]), scope.tasks.add(3, 4)]));
    await scope.idle();
  } finally {
    await scope.kill();
  }
});

test("docs/api.md: PoolEvents", async () => {
  pool.once('broken', ({ error }) => console.error(error.message));
  pool.on('taskSettled', ({ taskId, outcome }) => console.log(taskId, outcome));
});

test("docs/api.md: Death", async () => {
  pool.on('workerDied', ({ death }) => {
    if (!death.requested) console.warn(death.phase, death.exitCode ?? death.signal, death.detail);
  });
});

test("docs/api.md: Errors", async () => {
  const doubled = new TaskCancelledError('cancelled in a test', { reason: 'test', forced: false });
  console.log(doubled.code); // ERR_EVERPOOL_CANCELLED
});

test("docs/api.md: Types", async () => {
  type Module = { add: (a: number, b: number) => number };
  const args: TaskArgs<Module, 'add'> = [1, 2];
  const sum: TaskResult<Module, 'add'> = 3;
  console.log(args, sum);
});

test("docs/api.md: Executor", async () => {
  async function addAll(executor: Executor<{ add: (a: number, b: number) => number }>): Promise<number[]> {
    const first = executor.run('add', [1, 2], { tag: 'first' });
    console.log(first.id, first.state);
    return [await first, await executor.tasks.add(3, 4), ...(await executor.starmap('add', [[5, 6]]))];
  }

  console.log(await addAll(pool)); // [ 3, 7, 11 ]
});

test("docs/api.md: context(): TaskContext", async () => {
  function total(rows: number[]): number {
    const task = context();
    let sum = 0;
    for (const [index, row] of rows.entries()) {
      task.checkpoint(); // throws once the task is cancelled, also in a loop that never yields
      sum += row;
      if (index % 1000 === 0) task.progress(index / rows.length);
    }
    return sum;
  }
  void total;
});

test("docs/api.md: onStop(hook: () => void | Promise<void>): void", async () => {
  let connection: { end(): Promise<void> } | undefined;
  onStart(async (workerData) => {
    connection = { end: async () => console.log('closed', workerData) };
  });
  onStop(() => connection?.end());
});

test("docs/api.md: isWorker: boolean", async () => {
  if (!isWorker) console.log('the program');
});

test("docs/api.md: chaos(pool, options?: ChaosOptions): ChaosMonkey", async () => {
  const module = new URL('./tasks.js', import.meta.url);
  await using tested = new Pool({ module, restart: { intensity: 1000, backoff: { maxMs: 10 } } });
  await tested.ready();
  await using monkey = chaos(tested, { everyMs: 50, faults: { kill: 3, stop: 1 }, max: 20 });
  console.log(await tested.map('sizeOf', files, { retries: 100 }));
  console.log(monkey.faults, monkey.report().seed);
});

test("docs/api.md: new InlinePool<M>(options?: PoolOptions)", async () => {
  const inline = new InlinePool({ module: new URL('./tasks.js', import.meta.url) });
  console.log(await inline.run('add', [1, 2]));
  await inline.close();
});

test("docs/bulk.md: Bulk work", async () => {
  const sizes = await pool.map('sizeOf', files);
  console.log(sizes.length);
});

test("docs/bulk.md: Bulk work (2)", async () => {
  const sums = await pool.starmap('add', [[1, 2], [3, 4]]);
  console.log(sums); // [3, 7]
});

test("docs/bulk.md: Iteration and back-pressure", async () => {
  for await (const { id, score } of pool.map('score', records(), { ordered: false, retries: 2 })) console.log(id, score);
});

test("docs/bulk.md: Failures", async () => {
  for await (const outcome of pool.map('sizeOf', files).outcomes()) {
    if (outcome.status === 'rejected') console.warn(files[outcome.index], outcome.reason.message);
  }
});

test("docs/bulk.md: Progress", async () => {
  const batch = pool.map('sizeOf', files);
  batch.onProgress(({ done, total, failed, perSecond, etaMs }) => console.log(done, total, failed, perSecond, etaMs));
  await batch;
});

test("docs/bulk.md: Journal", async () => {
  await pool.map('crawl', urls, { journal: 'crawl.journal' });
});

test("docs/bulk.md: Streams", async () => {
  for await (const row of pool.stream('queryRows', ['select 1'])) console.log(row.id);
});

test("docs/bulk.md: Scopes", async () => {
  {
    await using scope = pool.scope();
    const first = await Promise.any(urls.map((url) => scope.run('download', [url])));
    console.log(first);
  } // the slower downloads have ended
});

test("docs/bulk.md: Your own loop", async () => {
  for (const url of urls) {
    await pool.room();
    pool.run('crawl', [url]).catch(console.error);
  }
  await pool.idle();
});

test("docs/cluster.md: Start", async () => {
  // main.js
  const cluster = new Cluster({ connection: { redis: 'redis://10.0.0.1' } });
  await cluster.ready(); // rejects if the store cannot be reached
  console.log(await cluster.run('add', [2, 3]));
  for await (const size of cluster.map('sizeOf', ['a', 'bb'], { retries: 1 })) console.log(size);
  await cluster.close();
});

test("docs/cluster.md: From Pool to Cluster", async () => {
  type Tasks = { add: (a: number, b: number) => number };
  const { REDIS_URL: redis } = process.env;
  const executor: Executor<Tasks> = redis
    ? new Cluster<Tasks>({ connection: { redis } })
    : new Pool<Tasks>({ module: new URL('./tasks.js', import.meta.url) });
  console.log(await executor.run('add', [2, 3]));
  await executor.close();
});

test("docs/cluster.md: Batches that outlive their client", async () => {
  const batch = cluster.map('score', records(), { id: 'scores-2026-05', retries: 1 });
  for await (const { id, score } of batch) console.log(id, score);
  await batch.forget();
});

test("docs/cluster.md: serve(module, options: ServeOptions): Promise<Host>", async () => {
  const host = await serve(new URL('./tasks.js', import.meta.url), {
    connection: { postgres: 'postgres://app@db/app', schema: 'everpool' },
    name: 'images@2',
    pool: { size: 4, limits: { rssBytes: 1024 ** 3 } },
  });
  process.once('SIGTERM', () => host.close());
  host.on('storeError', ({ error }) => console.error(error.message));
});

test("docs/cluster.md: Host", async () => {
  const isHealthy = (host: Host) => host.state === 'open' && host.pool.state === 'open';
  console.log(isHealthy);
});

test("docs/cluster.md: new Cluster<M>(options: ClusterOptions)", async () => {
  const images = new Cluster({ connection: { redis: 'redis://10.0.0.1' }, name: 'images@2', pendingLimit: 10_000 });
  await images.ready();
  console.log(await images.hosts());
  await images.detach();
});

test("docs/cluster.md: Cluster", async () => {
  const task = cluster.run('compute', [60_000], { tag: 'reports' });
  await task.started;
  await cluster.end(task.id, { how: 'cancel', reason: 'the user left' }); // from any process
  console.log(await cluster.killTasks({ tag: 'reports', everywhere: true }));
});

test("docs/cluster.md: ClusterBatch", async () => {
  const batch = cluster.attach<number>('scores-2026-05'); // not async: a batch is a promise of its results
  console.log(await batch.settled());
  await batch.forget(); // removes it and its results from the store
});

test("docs/cluster.md: ClusterStats", async () => {
  const { cluster: all, hosts } = await cluster.stats();
  console.log(`${all.running} running, ${all.queued} queued on ${hosts.length} hosts`);
});

test("docs/cluster.md: PostgresConnection", async () => {
  const connection: Connection = { postgres: { host: 'db', user: 'app', ssl: { ca: '…' } }, migrate: false };
  console.log(connection);
});

test("docs/cluster.md: HostLostError", async () => {
  await cluster.run('compute', [50]).catch((error) => {
    if (!(error instanceof HostLostError)) throw error;
    console.log(error.taskName, error.why, error.host);
  });
});

test("docs/errors.md: Errors", async () => {
  try {
    await pool.run('compute', [50]);
  } catch (error) {
    if (error instanceof WorkerDiedError) console.log(error.taskName, error.death.cause, error.death.stderrTail);
    else if (error instanceof QueueFullError) await pool.room();
    else throw error; // what the task threw
  }
});

test("docs/testing.md: In your own tests", async () => {
  const module = new URL('./tasks.js', import.meta.url);
  const pairs = [[1, 2], [3, 4]];
  const sums = (pool: Pool) => pool.starmap('add', pairs, { retries: 100 }); // your program

  // Does it survive its workers?
  const pool = new Pool({ module, restart: { intensity: 1000, backoff: { maxMs: 10 } } });
  await pool.ready();
  const monkey = chaos(pool, { everyMs: { min: 5, max: 100 }, faults: { kill: 3, stop: 1, exit: 1 }, max: 20 });
  console.log(await sums(pool), monkey.report());
  await monkey.stop();
  await pool.close();

  // Is it right, without any process?
  const inline = new InlinePool({ module });
  console.log(await sums(inline));
  await inline.close();
});
