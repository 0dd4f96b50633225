/** What `context()` gives: a running task's view of itself. */
export interface TaskContext {
  /** The `id` of the Task in the parent. */
  readonly taskId: number;
  /** From 1: which start of the task this is. */
  readonly attempt: number;
  readonly workerId: number;
  /** Fires when the task is cancelled or its soft time limit has passed. That may have been before it is first asked for: look at `aborted` too. */
  readonly signal: AbortSignal;
  /**
   * Sends a value to the submitter's `onProgress`, at once. Ignored after the task has settled.
   * @throws SerializationError (ERR_EVERPOOL_SERIALIZATION) when the value cannot be cloned
   */
  progress(value: unknown): void;
  /**
   * For synchronous loops: true once the task is cancelled or its soft time limit has passed, even though
   * the event loop has not turned. Cheap enough for every iteration.
   */
  aborted(): boolean;
  /** `if (aborted()) throw signal.reason` */
  checkpoint(): void;
}
