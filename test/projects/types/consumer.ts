// Uses each public name as a program would. It is only compiled.
import {
  type Attempt,
  type Batch,
  type BatchOutcome,
  type BatchProgress,
  type CallRest,
  type Death,
  EverpoolError,
  OptionsError,
  OutOfMemoryError,
  type Percentiles,
  Pool,
  PoolBrokenError,
  PoolClosedError,
  type PoolEvents,
  type PoolOptions,
  type PoolStats,
  QueueFullError,
  type Scope,
  SerializationError,
  Task,
  TaskCancelledError,
  type TaskOptions,
  type TaskStream,
  TaskTimeoutError,
  UnknownTaskError,
  WorkerDiedError,
  type WorkerInfo,
} from 'everpool';
import { type ChaosMonkey, chaos, InlinePool } from 'everpool/testing';
import type * as tasks from './tasks.js';

const options: PoolOptions = {
  module: new URL('file:///tasks.js'),
  size: { min: 0, max: 4 },
  heartbeat: false,
  task: { retries: 1 },
  env: { A: 'b' },
};

class Named<M extends object> extends Pool<M> {
  override readonly name: string = 'named';
}

export async function use(unset: string | undefined): Promise<void> {
  const pool: Pool<typeof tasks> = new Pool<typeof tasks>(options);
  new Pool({ ...options, cwd: unset, signal: undefined });
  const sum: Task<number> = pool.run('add', [1, 2], { tag: unset });
  const text: string = await pool.tasks.greet('you');
  const value: number | undefined = (await pool.map('half', [1, 2]))[0];
  const batch: Batch<number> = pool.starmap('add', [[1, 2]], { onError: 'continue' });
  const outcomes: AsyncIterable<BatchOutcome<number>> = batch.outcomes();
  const stream: TaskStream<number> = pool.stream('count', [3]);
  for await (const each of stream) each.toFixed();
  const scope: Scope<typeof tasks> = pool.scope({ tag: 'x' });
  await scope.exec((a: number) => a, [1]);
  const rest: CallRest<[number], TaskOptions> = [[1], {}];
  // @ts-expect-error add takes two arguments
  pool.run('add');
  // @ts-expect-error there is no such task
  pool.run('subtract', [1, 2]);
  pool.on('workerDied', ({ death, orphans }: PoolEvents['workerDied']) => tell(death, orphans));
  const info: WorkerInfo | undefined = pool.workers()[0];
  const stats: PoolStats = pool.stats();
  const queue: Percentiles = stats.queueMs;
  const progress: BatchProgress = batch.progress;
  const first: Attempt = await sum.started;
  const monkey: ChaosMonkey = chaos(pool, { faults: { kill: 1 } });
  await monkey.stop();
  const inline: Pool<typeof tasks> = new InlinePool<typeof tasks>();
  const named: Pool<typeof tasks> = new Named<typeof tasks>();
  const any: Pool<object>[] = [inline as unknown as Pool<object>, named as unknown as Pool<object>];
  tell(text, value, outcomes, rest, info, queue, progress, first, any);
  await pool.close();
}

export function why(error: unknown): string {
  if (error instanceof OutOfMemoryError || error instanceof WorkerDiedError) return `${error.death.exitCode} ${error.attempts.length}`;
  if (error instanceof TaskTimeoutError) return error.workerStack ?? error.kind;
  if (error instanceof TaskCancelledError) return String(error.reason);
  if (error instanceof PoolBrokenError) return (error.death satisfies Death).stderrTail;
  if (error instanceof SerializationError) return error.side;
  const others = [OptionsError, UnknownTaskError, QueueFullError, PoolClosedError];
  if (others.some((other) => error instanceof other)) return 'another';
  if (error instanceof EverpoolError) return error.code;
  return error instanceof Task ? 'a task' : 'unknown';
}

function tell(...values: readonly unknown[]): void {
  console.log(...values);
}
