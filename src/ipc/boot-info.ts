/** What a worker is told before anything else: the body of the Boot message, encoded. */
export interface BootInfo {
  /** The URL of the task module, as `import` takes it. Without one, only `exec` works. */
  readonly module?: string | undefined;
  /** Given to every `onStart` hook. */
  readonly workerData: unknown;
  readonly workerId: number;
  /** The name of the pool. */
  readonly name: string;
  /** How many attempts may run at once. */
  readonly concurrency: number;
  /** The process title. @default `${name}: worker ${workerId}` */
  readonly title?: string | undefined;
  /** It tells its resident memory so often, as the parent cannot see it. */
  readonly reportMemoryMs?: number | undefined;
}
