/** What a worker needs of its supervisor. */
import type { FrameHeader, Message } from '../ipc/frame.js';
import type { Clock, Spawner } from '../shared/doors.js';
import type { Death } from '../shared/types.js';
import type { Worker } from './worker.js';

export interface LadderStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

export interface WorkerRules {
  readonly bootTimeoutMs: number;
  /** How long a worker that was asked to leave may take before the first signal. */
  readonly graceMs: number;
  readonly killLadder: readonly LadderStep[];
}

/** The supervisor, as a worker sees it. */
export interface WorkerHost {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly rules: WorkerRules;
  /** The message that lets the worker import user code. */
  boot(worker: Worker): { header: FrameHeader; body: string | Buffer | undefined; attachments: readonly Buffer[] };
  onSpawned(worker: Worker): void;
  onReady(worker: Worker, message: Message): void;
  onBootFailed(worker: Worker, message: Message): void;
  onOutput(worker: Worker, stream: 'stdout' | 'stderr', chunk: Buffer): void;
  onPong(worker: Worker): void;
  onGone(worker: Worker, death: Death): void;
}
