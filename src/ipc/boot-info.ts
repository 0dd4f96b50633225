/** What a worker is told before anything else: the body of the Boot message, the same for all workers of a pool. Its header has the rest:
 *  in `a` the id of the worker, in `b` how often it tells its resident memory, in milliseconds, as the parent cannot see it (0: never). */
export interface BootInfo {
  /** The URL of the task module, as `import` takes it. Without one, only `exec` works. */
  readonly module?: string | undefined;
  /** Given to every `onStart` hook. */
  readonly workerData: unknown;
  /** The name of the pool. */
  readonly name: string;
  /** How many attempts may run at once. */
  readonly concurrency: number;
  /** The process title. @default `${name}: worker ${workerId}` */
  readonly title?: string | undefined;
}
