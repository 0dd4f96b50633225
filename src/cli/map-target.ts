/** Where a run of `everpool map` sends its items: to a pool of its own, or to a cluster. */
import type { Cluster } from '../cluster/cluster.js';
import type { ClusterMapOptions } from '../cluster/types.js';
import type { BatchOutcome } from '../pool/batch/batch.js';
import type { AnyBatch } from '../pool/executor.js';
import { coreOf, Pool } from '../pool/pool.js';
import type { MapOptions } from '../pool/types.js';
import { WorkerDiedError } from '../shared/errors.js';
import type { Place } from './connect.js';
import { UsageError } from './exit.js';
import { killSlow } from './limits.js';
import { reportStore } from './store-report.js';
import { WorkerOutput } from './worker-output.js';

export interface MapTarget {
  /** The first signal leaves the items at work, so that another run goes on with them. */
  readonly isLeftBehind: boolean;
  /** Resolves when items can be sent. @throws UsageError */
  check(task: string): Promise<void>;
  map(task: string, lists: AsyncIterable<unknown[]>, options: MapOptions): AnyBatch<unknown>;
  /** Corrects the error of an outcome, where this target knows more of it. */
  explain(outcome: BatchOutcome<unknown>): void;
  /** Everything has settled. */
  close(): Promise<void>;
  /** Ends what is pending; or leaves it, if another run can go on with it. */
  kill(): Promise<void>;
}

type Tasks = Record<string, never>;

export class PoolTarget implements MapTarget {
  readonly isLeftBehind = false;
  readonly #module: string;
  readonly #pool: Pool<Tasks>;
  readonly #workerOutput: WorkerOutput;
  readonly #slowPercent: number | undefined;
  /** The limit of each task that was killed for being slow, by its id. */
  readonly #slow = new Map<number | string, number>();
  #stopWatch: () => void = () => undefined;

  constructor(module: string, size: number | undefined, slowPercent: number | undefined) {
    this.#module = module;
    this.#pool = new Pool({ module, name: 'everpool', stderr: 'pipe', ...(size === undefined ? {} : { size }) });
    this.#workerOutput = new WorkerOutput(this.#pool);
    this.#slowPercent = slowPercent;
  }

  /** The module loads and exports the task: checked before an item is read. */
  async check(task: string): Promise<void> {
    try {
      await this.#pool.ready();
    } catch (error) {
      throw new UsageError(oneLine((error as Error).message), { cause: error });
    }
    const { exports } = coreOf(this.#pool);
    if (exports !== undefined && !exports.has(task)) {
      const names = exports.size === 0 ? 'it exports no function' : `it exports ${[...exports].join(', ')}`;
      throw new UsageError(`the module ${this.#module} has no task '${task}': ${names}`);
    }
    this.#workerOutput.pass();
  }

  map(task: string, lists: AsyncIterable<unknown[]>, options: MapOptions): AnyBatch<unknown> {
    if (this.#slowPercent !== undefined)
      this.#stopWatch = killSlow(this.#pool, this.#slowPercent, (id, limitMs) => this.#slow.set(id, limitMs));
    return this.#pool.starmap(task as never, lists as AsyncIterable<never>, options);
  }

  /** A task that was killed for being slow has timed out: it did not just die. */
  explain(outcome: BatchOutcome<unknown>): void {
    if (outcome.status !== 'rejected' || !(outcome.reason instanceof WorkerDiedError)) return;
    const limitMs = this.#slow.get(outcome.reason.taskId);
    if (limitMs === undefined) return;
    outcome.reason = Object.assign(new Error(`the task ran for more than ${limitMs.toFixed(0)} ms, the --timeout relative to the median`), {
      name: 'TaskTimeoutError',
    });
  }

  close(): Promise<void> {
    this.#stopWatch();
    return this.#pool.close();
  }

  kill(): Promise<void> {
    this.#stopWatch();
    return this.#pool.kill();
  }
}

export class ClusterTarget implements MapTarget {
  readonly isLeftBehind: boolean;
  readonly #cluster: Cluster<Tasks>;
  readonly #id: string | undefined;

  private constructor(cluster: Cluster<Tasks>, id: string | undefined) {
    this.#cluster = cluster;
    this.#id = id;
    this.isLeftBehind = id !== undefined;
  }

  /** Loads the cluster, which nothing else of the command does. */
  static async open({ connection, name, secret, clean }: Place, id: string | undefined): Promise<ClusterTarget> {
    const { Cluster } = await import('../cluster/index.js');
    const cluster = new Cluster<Tasks>({ connection, name, secret });
    reportStore(cluster, clean);
    return new ClusterTarget(cluster, id);
  }

  /** Only the hosts have the module: they refuse a task that it does not export. */
  check(): Promise<void> {
    return this.#cluster.ready();
  }

  map(task: string, lists: AsyncIterable<unknown[]>, options: MapOptions): AnyBatch<unknown> {
    return this.#cluster.starmap(task as never, lists as AsyncIterable<never>, { ...options, id: this.#id } satisfies ClusterMapOptions);
  }

  explain(): void {
    // its errors say all
  }

  close(): Promise<void> {
    return this.#cluster.close();
  }

  kill(): Promise<void> {
    return this.isLeftBehind ? this.#cluster.detach() : this.#cluster.terminate();
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
