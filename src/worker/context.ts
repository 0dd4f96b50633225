/** What a task sees of itself. */
import type { Attempt } from './attempt.js';
import type { WorkerDoors } from './platform.js';
import type { TaskContext } from './task-context.js';

export interface ContextHost {
  readonly doors: WorkerDoors;
  readonly workerId: number;
  progress(attempt: Attempt, value: unknown): void;
}

/** Always the same one for an attempt. Its methods need no `this`: tasks take them apart. */
export function contextOf(attempt: Attempt, host: ContextHost): TaskContext {
  attempt.context ??= createContext(attempt, host);
  return attempt.context;
}

function createContext(attempt: Attempt, host: ContextHost): TaskContext {
  const { doors } = host;
  const aborted = (): boolean => attempt.isAborted(doors);
  return {
    taskId: attempt.taskId,
    attempt: attempt.number,
    workerId: host.workerId,
    get signal(): AbortSignal {
      return attempt.signal(doors);
    },
    progress(value: unknown): void {
      if (!attempt.isSettled) host.progress(attempt, value);
    },
    aborted,
    checkpoint(): void {
      if (aborted()) throw attempt.signal(doors).reason;
    },
  };
}
