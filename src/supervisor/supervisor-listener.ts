/** What the supervisor is told, and the pool as it sees it. */
import type { FrameHeader, Message } from '../ipc/frame.js';
import type { Death } from '../shared/types.js';
import type { HeartbeatRule } from './health/heartbeat.js';
import type { Worker } from './lifecycle/worker.js';
import type { WorkerClient } from './lifecycle/worker-client.js';
import type { WorkerRules } from './lifecycle/worker-state.js';
import type { BackoffRule } from './restart/backoff.js';
import type { RestartRule } from './restart/restart-intensity.js';
import type { RecycleCause } from './slot.js';

export interface SupervisorRules extends WorkerRules {
  readonly min: number;
  readonly max: number;
  readonly spares: number;
  /** Of a worker: more, and it is killed. */
  readonly limits: { readonly rssBytes: number | undefined };
  readonly heartbeat: HeartbeatRule | false;
  readonly restart: RestartRule & { readonly backoff: BackoffRule; readonly probeMs: number | false };
  /** How many workers may boot at once. A boot takes at least 45 ms of a core, so this bounds the spawn rate too. */
  readonly spawnConcurrency: number;
}

export interface SupervisorListener {
  createClient(worker: Worker): WorkerClient;
  boot(worker: Worker): { header: FrameHeader; body: string | Buffer | undefined; attachments: readonly Buffer[] };
  onSpawned(worker: Worker): void;
  /** It has booted. */
  onReady(worker: Worker, message: Message): void;
  onBootFailed(worker: Worker, message: Message): void;
  /** It holds a slot: it may be given tasks. */
  onUsable(worker: Worker): void;
  /** Its leases are closed; its berth is not filled yet. */
  onDied(worker: Worker, death: Death): void;
  /** Everything that follows from a change among the workers is done. */
  onSettled(): void;
  onRecycled(worker: Worker, why: RecycleCause): void;
  onOutput(worker: Worker, stream: 'stdout' | 'stderr', chunk: Buffer): void;
  /** It died of what cannot change by itself: another would die of it too. `wasEverReady`: any worker was. */
  isHopeless(worker: Worker, death: Death, wasEverReady: boolean): boolean;
  /** Gives the error for whatever waits for a worker. */
  onBroken(death: Death, bootError: unknown): Error;
  onRecovered(): void;
  /** While closing: is a replacement still needed? */
  hasWork(): boolean;
}
