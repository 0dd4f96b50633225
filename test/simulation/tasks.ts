/** The task module of the simulation. Every result says whose it is, so that none can be credited to another. */
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
  'tells',
  'returnsFunction',
  'throwsFunction',
] as const;
export type SimTaskName = (typeof TASK_NAMES)[number];
export type SimModule = Record<SimTaskName, (...args: unknown[]) => unknown> & {
  yields: (count: number, stepMs: number) => AsyncGenerator<number>;
  /** Ends when the others of its flood have. */
  waitsForOthers: () => Promise<string>;
  /** One of several in a chunk. */
  item: (key: number, stepMs: number) => number | Promise<number>;
};

/** What a task was given for a time, which may be anything. */
function timeOf(ms: unknown): number {
  return typeof ms === 'number' && ms > 0 ? ms : 0;
}

/** Those that end only when they are asked to, or by force. */
export const ENDLESS: ReadonlySet<SimTaskName> = new Set<SimTaskName>(['untilAborted', 'spinsUntilAborted', 'never', 'spinsForever']);

/** The process in which a task runs, as it may use it. */
export interface TaskHost {
  readonly process: Witnessed & { readonly ledger: Ledger };
  readonly runner: { context(): TaskContext };
  /** Dead, or about to be: what it still does is a dead man's. */
  readonly isOver: boolean;
  /** Does something as this process does it: not while it is stopped or spins, and never after its death. */
  later(delayMs: number, run: () => void): void;
  /** The same, also while it spins: what the spinning code itself does. */
  within(delayMs: number, run: () => void): void;
  /** Takes time in which it does nothing else. True: the runner has nothing that it would go on to before that is over. */
  spin(ms: number): boolean;
  stopSpinning(): void;
  crash(signal: NodeJS.Signals): void;
  exit(code: number): void;
}

/** `exports` of the simulated module, in one process. */
export function tasksOf(child: TaskHost): Record<SimTaskName | 'yields' | 'item' | 'waitsForOthers', TaskFunction> {
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
        const hasStarted = (): void => {
          if (!task.aborted()) {
            child.within(1, hasStarted);
            return;
          }
          child.stopSpinning();
          resolve(answer(task));
        };
        child.within(1, hasStarted);
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
    tells: (count) => {
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
        const hasStarted = (): void => {
          if (process.ledger.floodLeft === 0) resolve(answer(task));
          else child.later(5, hasStarted);
        };
        hasStarted();
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
