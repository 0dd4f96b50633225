/** Both sides together: what each state must keep, and what the last one must have reached. */
import { encode } from './encode.js';
import { type Exploration, explore } from './explore.js';
import { freshWorker, isOpen, type State, type Task } from './handshake.js';
import { freshParent, parentSteps } from './parent.js';
import type { Rules } from './rules.js';
import { workerSteps } from './worker.js';

export interface Scene {
  readonly tasks: readonly Partial<Pick<Task, 'retries' | 'spins' | 'thefts'>>[];
  readonly disturbances: number;
}

export function walk(scene: Scene, rules: Rules, order: 'breadth' | 'depth' = 'breadth'): Exploration {
  return explore<State>(
    {
      start: startOf(scene),
      steps: (state) => [...parentSteps(state, rules), ...workerSteps(state, rules)],
      encode,
      faultOf,
      faultOfEnd,
    },
    order,
  );
}

function startOf({ tasks, disturbances }: Scene): State {
  return {
    tasks: tasks.map(({ retries = 0, spins = false, thefts = 0 }) => ({
      retries,
      spins,
      thefts,
      status: 'new',
      isCancelled: false,
      begins: 0,
      charges: 0,
      hasAnswered: false,
    })),
    parent: freshParent([...tasks.keys()]),
    worker: freshWorker(),
    unread: [],
    toWorker: [],
    toParent: [],
    disturbances,
    broken: '',
  };
}

function faultOf({ broken, tasks, parent }: State): string | undefined {
  if (broken !== '') return broken;
  for (const { begins, retries } of tasks) {
    if (begins > 1 + retries) return 'G3: a task begins more often than its retries allow';
  }
  // A retry after a death that was charged goes to the back.
  const others = parent.queue.filter((index) => tasks[index]?.charges === 0);
  if (others.some((task, place) => task < (others[place - 1] ?? 0))) return 'G14: the queue is out of order';
  return undefined;
}

function faultOfEnd({ tasks }: State): string | undefined {
  const waiting = tasks.flatMap(({ status }, index) => (isOpen(status) ? [index] : []));
  return waiting.length === 0 ? undefined : `G1: nothing can happen any more, and task ${waiting.join(', ')} waits`;
}
