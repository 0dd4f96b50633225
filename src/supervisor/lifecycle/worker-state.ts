/**
 * The states of a worker and their transitions, the reasons for which the pool ends a worker, and
 * the interfaces that a worker calls. worker.ts owns the state itself.
 */
import type { FrameHeader, Message } from '../../ipc/frame.js';
import type { Clock, Spawner } from '../../shared/platform.js';
import { type Steps, type Story, stepsOf, type Transitions } from '../../shared/transitions.js';
import type { Death, MemorySample } from '../../shared/types.js';
import type { Fault } from './death.js';
import type { LadderStep } from './kill-ladder.js';

/**
 *   starting   the process boots
 *   ready      the worker accepts tasks
 *   draining   it accepts no more tasks, and finishes the ones it has
 *   stopping   it was asked to leave, or is being killed
 *   exited     the process has ended; its messages are still being read
 *   dead       everything has been read
 */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'stopping' | 'exited' | 'dead';

export const WORKER_TRANSITIONS: Transitions<WorkerState> = {
  starting: ['ready', 'stopping', 'exited'],
  ready: ['draining', 'stopping', 'exited'],
  draining: ['stopping', 'exited'],
  stopping: ['exited'],
  exited: ['dead'],
  dead: [],
};
export const WORKER_STEPS: Steps<WorkerState> = stepsOf('worker', WORKER_TRANSITIONS);

/** In these states the worker may have, or get, a task. */
export function isAtWork(state: WorkerState): boolean {
  return state === 'starting' || state === 'ready' || state === 'draining';
}

/** Why the pool ends a worker. The first reason wins. */
export type WorkerEnd =
  /** Not the worker's fault: its death is not charged. `leaveBy`: the end of its time to leave. */
  | { readonly by: 'request'; readonly leaveBy: number | undefined }
  /** The worker's fault. */
  | {
      readonly by: 'fault';
      readonly fault: Fault;
      readonly detail: string | undefined;
      readonly samples: readonly MemorySample[] | undefined;
    };

export interface WorkerRules {
  readonly bootTimeoutMs: number;
  /** How long a worker that was asked to leave has before the first signal. */
  readonly graceMs: number;
  readonly killLadder: readonly LadderStep[];
}

/** Events and a request that a worker sends to the pool directly. */
export interface WorkerListener<W> {
  /** Returns the message after which the worker imports user code. */
  bootMessage(worker: W): { header: FrameHeader; body: string | Buffer | undefined; attachments: readonly Buffer[] };
  /** The process exists. */
  onSpawned(worker: W): void;
  onOutput(worker: W, stream: 'stdout' | 'stderr', chunk: Buffer): void;
}

/** What a worker sees of the supervisor. */
export interface WorkerOwner<W> {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly rules: WorkerRules;
  readonly story: Story;
  readonly listener: WorkerListener<W>;
  /** The worker has booted. */
  onReady(worker: W, message: Message): void;
  /** The worker is dead, and everything it sent has been read. Called once. */
  onDied(worker: W, death: Death): void;
}
