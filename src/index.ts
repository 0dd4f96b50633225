/** everpool: a supervised pool of worker processes that cannot be hung. */

export type { Batch, BatchOutcome } from './pool/batch/batch.js';
export type { AnyBatch, Executor, RunningTask } from './pool/executor.js';
export type { TaskStream } from './pool/handles/stream.js';
export { Task } from './pool/handles/task.js';
export type { Tasks } from './pool/handles/tasks-proxy.js';
export { Pool } from './pool/pool.js';
export type { Scope } from './pool/scope.js';
export type * from './pool/types.js';
export * from './shared/errors.js';
export type { Attempt, Death, Percentiles, WorkerInfo } from './shared/types.js';
