/**
 * A running task's view of itself, as `context()` returns it.
 *
 * @example
 * const { signal, progress } = context();
 * const response = await fetch(url, { signal });
 * progress('fetched');
 */
export interface TaskContext {
  /** The `id` of the Task in the parent. */
  readonly taskId: number;
  /** 1 for the first start of the task, 2 for the second … */
  readonly attempt: number;
  readonly workerId: number;
  /**
   * Fires when the task is cancelled or its soft time limit has passed. The signal may already be
   * aborted when it is first read, so check `signal.aborted` before listening.
   */
  readonly signal: AbortSignal;
  /**
   * Sends a value to the submitter's `onProgress` immediately. Ignored after the task has settled.
   * @throws SerializationError (ERR_EVERPOOL_SERIALIZATION) when the value cannot be cloned
   */
  progress(value: unknown): void;
  /**
   * Returns true once the task is cancelled or its soft time limit has passed, even in a
   * synchronous loop that never yields to the event loop. Cheap enough for every iteration.
   */
  aborted(): boolean;
  /** Throws `signal.reason` if `aborted()` is true. */
  checkpoint(): void;
}
