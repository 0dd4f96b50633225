/**
 * The body of the Boot message, the first that a worker gets. It is the same for all workers of a
 * pool.
 */
export interface BootInfo {
  /** The URL of the task module, as `import` takes it. Without one, only `exec` works. */
  readonly module?: string | undefined;
  /** Passed to every `onStart` hook. */
  readonly workerData: unknown;
  /** The name of the pool. */
  readonly name: string;
  /** How many attempts may run at once. */
  readonly concurrency: number;
  /** The process title. @default `${name}: worker ${workerId}` */
  readonly title?: string | undefined;
}
