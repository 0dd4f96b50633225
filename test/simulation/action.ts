/** What the user of a simulated pool can do. */
import type { TaskOptions } from '../../src/pool/options/option-types.js';
import type { SimTaskName } from './tasks.js';

/** How the user ends a task soon after its submission, about when the task ends by itself. */
export interface End {
  readonly how: 'cancel' | 'kill';
  readonly afterMs: number;
}

/**
 * One act of the user, and its time. `which`, from 0 to 1, chooses among the tasks or workers of
 * that moment.
 */
export type Action =
  | {
      at: number;
      do: 'run';
      name: SimTaskName;
      arg: number;
      options: TaskOptions;
      count: number;
      withSignal: boolean;
      end: End | undefined;
    }
  | { at: number; do: 'cancel' | 'kill' | 'abort' | 'killWorker' | 'strike' | 'listen'; which: number }
  | { at: number; do: 'killTasks'; tag: string | undefined; queued: boolean; running: boolean }
  | { at: number; do: 'resize'; min: number; max: number }
  | {
      at: number;
      do: 'map';
      count: number;
      name: 'quick' | 'sleep' | 'spin' | 'throwsSoon';
      ordered: boolean;
      use: number;
      cancelAfterMs: number;
    }
  | { at: number; do: 'stream'; count: number; takes: number; pauseMs: number; stepMs: number; retries: number }
  | { at: number; do: 'scope'; names: readonly SimTaskName[]; leaveAfterMs: number }
  /** `poison`: the item that ends its process each time it is called. */
  | { at: number; do: 'chunks'; count: number; chunkSize: number | 'auto'; retries: number; stepMs: number; poison: number | undefined }
  /** A map with a journal, twice. */
  | { at: number; do: 'journal'; count: number; stepMs: number; use: number }
  /** A long task, and more short ones than a worker can be sent. The long one ends after them. */
  | { at: number; do: 'flood'; count: number }
  | { at: number; do: 'restart'; rolling: boolean }
  | { at: number; do: 'pause' | 'resume' | 'revive' | 'ready' | 'idle' | 'room' };

export type Ending = 'close' | 'close in time' | 'close and cancel' | 'terminate' | 'kill' | 'close, terminate' | 'terminate, kill';
