/** The states of a worker, why it ends, and what it asks of its supervisor. */
import type { FrameHeader, Message } from '../../ipc/frame.js';
import type { Clock, Spawner } from '../../shared/platform.js';
import { type Steps, type Story, stepsOf, type Transitions } from '../../shared/transitions.js';
import type { Death, MemorySample } from '../../shared/types.js';
import type { Fault } from './death.js';
import type { LadderStep } from './kill-ladder.js';

/**
 * `starting`: its process boots. `ready`: it takes tasks. `draining`: it finishes those that it has. `stopping`: it was asked to
 * leave, or is being killed. `exited`: its process has ended, and what it wrote is still being read. `dead`: everything was read.
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

/** In these states it may have, or get, a task. */
export function isAtWork(state: WorkerState): boolean {
  return state === 'starting' || state === 'ready' || state === 'draining';
}

/** Why the pool ends a worker. The first reason stays. */
export type WorkerEnd =
  /** Not through its own fault: nobody is charged with its death. `leaveBy`: it may leave in peace until then. */
  | { readonly by: 'request'; readonly leaveBy: number | undefined }
  /** Through its own fault. */
  | {
      readonly by: 'fault';
      readonly fault: Fault;
      readonly detail: string | undefined;
      readonly samples: readonly MemorySample[] | undefined;
    };

export interface WorkerRules {
  readonly bootTimeoutMs: number;
  /** How long a worker that was asked to leave may take before the first signal. */
  readonly graceMs: number;
  readonly killLadder: readonly LadderStep[];
}

/** What a worker reports to the pool without its supervisor. */
export interface WorkerListener<W> {
  /** The message that lets the worker import user code. */
  bootMessage(worker: W): { header: FrameHeader; body: string | Buffer | undefined; attachments: readonly Buffer[] };
  /** Its process exists. */
  onSpawned(worker: W): void;
  onOutput(worker: W, stream: 'stdout' | 'stderr', chunk: Buffer): void;
}

/** The supervisor, as a worker sees it. */
export interface WorkerOwner<W> {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly rules: WorkerRules;
  readonly story: Story;
  readonly listener: WorkerListener<W>;
  /** It has booted. */
  onReady(worker: W, message: Message): void;
  /** Everything that it had sent was read. Called once. */
  onDied(worker: W, death: Death): void;
}
