/** Makes the context of a task. */

import type { Attempt } from './attempt.js';
import type { Runner } from './runner.js';
import type { TaskContext } from './task-context.js';

/**
 * Always the same object for an attempt. Its methods need no `this`, because tasks destructure it.
 */
export function contextOf(attempt: Attempt, runner: Runner): TaskContext {
  attempt.context ??= createContext(attempt, runner);
  return attempt.context;
}

function createContext(attempt: Attempt, runner: Runner): TaskContext {
  const { platform } = runner;
  const aborted = (): boolean => attempt.isAborted(platform);
  return {
    taskId: attempt.taskId,
    attempt: attempt.number,
    workerId: runner.workerId,
    get signal(): AbortSignal {
      return attempt.signal(platform);
    },
    progress(value: unknown): void {
      if (!attempt.isSettled) runner.progress(attempt, value);
    },
    aborted,
    checkpoint(): void {
      if (aborted()) throw attempt.signal(platform).reason;
    },
  };
}
