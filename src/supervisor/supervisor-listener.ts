/** What the supervisor reports to the pool, and what it asks the pool to decide. */
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
  /** A worker with more resident memory is killed. */
  readonly limits: { readonly rssBytes: number | undefined };
  readonly heartbeat: HeartbeatRule | false;
  readonly restart: RestartRule & { readonly backoff: BackoffRule; readonly probeMs: number | false };
  /** The number of workers that may boot at the same time. A boot takes at least 45 ms of a core, so this bounds the spawn rate too. */
  readonly spawnConcurrency: number;
}

/**
 * In the life of a worker: spawned, ready, usable, died (once). Its messages go to its client (worker-client.ts) directly.
 * After each change among the workers: settled.
 */
export interface SupervisorListener extends WorkerListener<Worker> {
  onReady(worker: Worker, message: Message): void;
  /** It holds a regular slot: it may be given tasks. */
  onUsable(worker: Worker): void;
  /** Its leases are closed; its slot is still empty. */
  onDied(worker: Worker, death: Death): void;
  /** Everything that follows from a change among the workers is done. */
  onSettled(): void;
  onRecycled(worker: Worker, why: RecycleCause): void;
  onRecovered(): void;
}

export interface SupervisorDelegate {
  createClient(worker: Worker): WorkerClient;
  /** Another worker would die of the same cause, which cannot change by itself. `wasEverReady`: any worker was. */
  isHopeless(worker: Worker, death: Death, wasEverReady: boolean): boolean;
  /** Breaks the pool. Returns the error for what waits for a worker. */
  breakPool(death: Death, bootError: unknown): Error;
  /** While the pool closes: does a task wait for a worker? */
  hasWork(): boolean;
}
