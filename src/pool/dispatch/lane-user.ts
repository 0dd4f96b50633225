/** What a lane (lane.ts) tells the pool of. */
import type { Message } from '../../ipc/frame.js';
import type { Death } from '../../shared/types.js';
import type { Worker } from '../../supervisor/lifecycle/worker.js';
import type { Lease } from '../task/task-record.js';

export interface LaneUser<L> {
  readonly concurrency: number;
  now(): number;
  /** The parent presumes that it runs now: its time begins to count. */
  onPresumedStart(lease: Lease): void;
  /** It is known to have started. */
  onStarted(lease: Lease): void;
  /** The worker answered; the lease is closed. */
  onReply(lease: Lease, message: Message, worker: Worker): void;
  onProgress(lease: Lease, message: Message): void;
  /** One value of a stream. */
  onValue(lease: Lease, message: Message): void;
  /** It never started; the lease is closed. */
  onWithdrawn(lease: Lease): void;
  /** Its worker died; the lease is closed. */
  onOrphaned(lease: Lease, death: Death, worker: Worker): void;
  /** The lane has more room than before, or less. */
  onRoom(lane: L): void;
  onRead(): void;
}
