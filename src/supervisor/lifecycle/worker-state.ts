/** The states of a worker, and what it asks of the supervisor. */
import type { FrameHeader, Message } from '../../ipc/frame.js';
import type { Clock, Spawner } from '../../shared/platform.js';
import type { Death } from '../../shared/types.js';
import type { LadderStep } from './kill-ladder.js';

/** In the order in which a worker goes through them. */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'stopping' | 'exited' | 'dead';
export const ORDER: Record<WorkerState, number> = { starting: 0, ready: 1, draining: 2, stopping: 3, exited: 4, dead: 5 };

export interface WorkerRules {
  readonly bootTimeoutMs: number;
  /** How long a worker that was asked to leave may take before the first signal. */
  readonly graceMs: number;
  readonly killLadder: readonly LadderStep[];
}

/** The supervisor, as a worker sees it. */
export interface WorkerOwner<W> {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly rules: WorkerRules;
  /** The message that lets the worker import user code. */
  boot(worker: W): { header: FrameHeader; body: string | Buffer | undefined; attachments: readonly Buffer[] };
  onSpawned(worker: W): void;
  onReady(worker: W, message: Message): void;
  onBootFailed(worker: W, message: Message): void;
  onOutput(worker: W, stream: 'stdout' | 'stderr', chunk: Buffer): void;
  onDied(worker: W, death: Death): void;
}
