/**
 * The two interfaces between the supervisor and the pool: the events that the supervisor reports,
 * and the decisions that it leaves to the pool because they depend on tasks.
 */
import type { Message } from '../ipc/frame.js';
import type { Death } from '../shared/types.js';
import type { HeartbeatRule } from './health/heartbeat.js';
import type { Worker } from './lifecycle/worker.js';
import type { WorkerClient } from './lifecycle/worker-client.js';
import type { WorkerListener, WorkerRules } from './lifecycle/worker-state.js';
import type { BackoffRule } from './restart/backoff.js';
import type { RestartRule } from './restart/restart-intensity.js';
import type { RecycleCause } from './slot.js';

export interface SupervisorRules extends WorkerRules {
  readonly min: number;
  readonly max: number;
  readonly spares: number;
  /** A worker above this resident memory is killed. */
  readonly limits: { readonly rssBytes: number | undefined };
  readonly heartbeat: HeartbeatRule | false;
  readonly restart: RestartRule & { readonly backoff: BackoffRule; readonly probeMs: number | false };
  /**
   * The number of workers that may boot at the same time. A boot takes at least 45 ms of a core, so
   * this limits the spawn rate too.
   */
  readonly spawnConcurrency: number;
}

/**
 * Events in the life of a worker, in order: spawned, ready, usable, died (once). After each change
 * among the workers: changed. Messages go to the worker's client (worker-client.ts) directly.
 */
export interface SupervisorListener extends WorkerListener<Worker> {
  onReady(worker: Worker, message: Message): void;
  /** The worker is ready and holds a regular slot: it may receive tasks. */
  onUsable(worker: Worker): void;
  /** The worker's leases are closed, and its slot is not yet refilled. */
  onDied(worker: Worker, death: Death): void;
  /** The supervisor has handled a change among the workers completely. */
  onWorkersChanged(): void;
  onRecycled(worker: Worker, why: RecycleCause): void;
  onRecovered(): void;
}

export interface SupervisorDelegate {
  createClient(worker: Worker): WorkerClient;
  /**
   * Whether the next worker would die of the same cause, which cannot change by itself.
   * `wasEverReady`: any worker of this pool has been ready.
   */
  isHopeless(worker: Worker, death: Death, wasEverReady: boolean): boolean;
  /** Breaks the pool. Returns the error for everything that waits for a worker. */
  breakPool(death: Death, bootError: unknown): Error;
  /** Asked while the pool closes: whether a task waits for a worker. */
  hasWork(): boolean;
}
