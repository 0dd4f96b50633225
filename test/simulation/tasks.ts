/**
 * The task module of the simulation. Every result names its task, so that none can be credited to
 * another.
 */
import type { TaskFunction } from '../../src/worker/platform.js';
import type { TaskContext } from '../../src/worker/task-context.js';
import type { Ledger, Witnessed } from './ledger.js';

export const TASK_NAMES = [
  'quick',
  'sleep',
  'spin',
  'throwsSoon',
  'exits',
  'crashes',
  'untilAborted',
  'spinsUntilAborted',
  'never',
  'spinsForever',
  'big',
  'reports',
  'returnsFunction',
  'throwsFunction',
] as const;
export type SimTaskName = (typeof TASK_NAMES)[number];
export type SimModule = Record<SimTaskName, (...args: unknown[]) => unknown> & {
  yields: (count: number, stepMs: number) => AsyncGenerator<number>;
  /** Ends after the others of its flood. */
  waitsForOthers: () => Promise<string>;
  /** One item of a chunk. */
  item: (key: number, stepMs: number) => number | Promise<number>;
};

/** The argument of a task that should be a duration, and may be anything. */
function timeOf(ms: unknown): number {
  return typeof ms === 'number' && ms > 0 ? ms : 0;
}

/** The tasks that end only on request, or by force. */
export const ENDLESS: ReadonlySet<SimTaskName> = new Set<SimTaskName>(['untilAborted', 'spinsUntilAborted', 'never', 'spinsForever']);

/** The process in which a task runs, as the task may use it. */
export interface TaskProcess {
  readonly process: Witnessed & { readonly ledger: Ledger };
  readonly runner: { context(): TaskContext };
  /** Whether it is dead, or about to be: nothing that it still does counts. */
  readonly isOver: boolean;
  /**
   * Runs the callback as a process would: not while it is stopped or spins, and never after its
   * death.
   */
  later(delayMs: number, run: () => void): void;
  /** The same, but also while it spins: an act of the spinning code itself. */
  within(delayMs: number, run: () => void): void;
  /**
   * Takes time in which it does nothing else. True if the runner has nothing else to start before
   * that time is over.
   */
  spin(ms: number): boolean;
  stopSpinning(): void;
  crash(signal: NodeJS.Signals): void;
  exit(code: number): void;
}

/** `exports` of the simulated module, in one process. */
export function tasksOf(child: TaskProcess): Record<SimTaskName | 'yields' | 'item' | 'waitsForOthers', TaskFunction> {
  const { process } = child;

  const begin = (): TaskContext => {
    const task = child.runner.context();
    if (!child.isOver) process.ledger.called(process, task.taskId, task.attempt);
    return task;
  };
  const answer = (task: TaskContext): string => `${task.taskId}/${task.attempt}`;

  /** Ends after `ms` in which the process does nothing else. */
  const spinning = <T>(ms: number, end: () => T): T | Promise<T> => {
    if (child.spin(ms)) return end();
    return new Promise((resolve, reject) => {
      child.later(0, () => {
        try {
          resolve(end());
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  };
  const sleeping = <T>(ms: number, end: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      child.later(ms, () => {
        try {
          resolve(end());
        } catch (error) {
          reject(error as Error);
        }
      });
    });

  return {
    quick: () => answer(begin()),
    sleep: (ms) => {
      const task = begin();
      return sleeping(timeOf(ms), () => answer(task));
    },
    spin: (ms) => {
      const task = begin();
      return spinning(timeOf(ms), () => answer(task));
    },
    throwsSoon: (ms) => {
      begin();
      return spinning(timeOf(ms), () => {
        throw new RangeError('thrown on purpose');
      });
    },
    exits: (ms) => {
      const task = begin();
      if (process.ledger.isCalm) return answer(task);
      return sleeping(timeOf(ms), () => child.exit(0));
    },
    crashes: (ms) => {
      const task = begin();
      if (process.ledger.isCalm) return answer(task);
      return spinning(timeOf(ms), () => child.crash('SIGSEGV'));
    },
    untilAborted: () => {
      const task = begin();
      return new Promise((_resolve, reject) => {
        task.signal.addEventListener('abort', () => reject(task.signal.reason as Error), { once: true });
      });
    },
    spinsUntilAborted: () => {
      const task = begin();
      return new Promise((resolve) => {
        child.spin(Number.POSITIVE_INFINITY);
        const check = (): void => {
          if (!task.aborted()) {
            child.within(1, check);
            return;
          }
          child.stopSpinning();
          resolve(answer(task));
        };
        child.within(1, check);
      });
    },
    never: () => {
      begin();
      return new Promise(() => undefined);
    },
    spinsForever: () => {
      begin();
      child.spin(Number.POSITIVE_INFINITY);
      return new Promise(() => undefined);
    },
    big: (value) => {
      begin();
      return value;
    },
    reports: (count) => {
      const task = begin();
      for (let i = 0; i < (count as number); i++) task.progress(i);
      return answer(task);
    },
    yields: async function* (count, stepMs) {
      begin();
      for (let value = 0; value < (count as number); value += 1) {
        if (timeOf(stepMs) > 0) await sleeping(timeOf(stepMs), () => undefined);
        yield value;
      }
    },
    item: (key, stepMs) => {
      if (!child.isOver && process.ledger.itemCalled(process, key as number)) child.exit(1);
      return timeOf(stepMs) > 0 ? sleeping(timeOf(stepMs), () => key) : key;
    },
    waitsForOthers: () => {
      const task = begin();
      return new Promise((resolve, reject) => {
        task.signal.addEventListener('abort', () => reject(task.signal.reason as Error), { once: true });
        const check = (): void => {
          if (process.ledger.floodLeft === 0) resolve(answer(task));
          else child.later(5, check);
        };
        check();
      });
    },
    returnsFunction: () => {
      begin();
      return () => undefined;
    },
    throwsFunction: () => {
      begin();
      throw (() => undefined) as unknown as Error;
    },
  };
}
