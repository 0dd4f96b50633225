/** The worker: one system call a step. It may die before each. */
import type { Step } from './explore.js';
import { breaks, copyOf, freshWorker, isOpen, NONE, type Run, type State, type Task } from './handshake.js';
import type { Rules } from './rules.js';

export function workerSteps(state: State, rules: Rules): Step<State>[] {
  const { worker } = state;
  const steps: Step<State>[] = [];
  if (worker.life === 'dead') return steps;
  const add = (name: string, isDue: boolean, change: (next: State) => void): void => {
    const next = copyOf(state);
    change(next);
    steps.push({ name, isDue, next });
  };

  if (worker.life === 'killed') add('the worker dies of the kill', true, (next) => die(next, rules));
  else if (state.disturbances > 0) {
    add('the worker dies', false, (next) => {
      next.disturbances -= 1;
      die(next, rules);
    });
  }

  // What it does without a pause: nothing else that it could do comes before.
  const { starting, ended } = worker;
  if (wantsToClaim(state, rules)) {
    add('the worker reads a record', true, (next) => claim(next, rules));
    return steps;
  }
  if (ended !== undefined) {
    add(`${ended.seq} is answered`, true, (next) => answer(next, ended));
    return steps;
  }
  if (starting !== undefined) {
    add(`${starting.seq} begins`, true, begin);
    return steps;
  }

  for (const run of worker.running) {
    const task = taskOf(state, run);
    if (!task.spins) add(`${run.seq} ends`, true, (next) => end(next, run, rules));
    if (task.thefts > 0 && state.unread.length > 0) add(`${run.seq} steals ${state.unread[0]}`, false, (next) => steal(next, run));
  }
  const [frame] = state.toWorker;
  if (frame !== undefined) add(`the worker reads ${frame.type} ${'seq' in frame ? frame.seq : ''}`, true, (next) => readFrame(next, rules));
  else if (worker.isClosed && worker.running.length === 0 && worker.claimed === NONE)
    add('the worker leaves', true, (next) => die(next, rules));
  return steps;
}

function wantsToClaim({ worker }: State, { concurrency }: Rules): boolean {
  const { queue, isStarved, running, starting, claimed } = worker;
  return queue.length > 0 && !isStarved && starting === undefined && claimed === NONE && running.length < concurrency;
}

function readFrame(state: State, rules: Rules): void {
  const { worker } = state;
  const frame = state.toWorker.shift();
  switch (frame?.type) {
    case 'run':
      if (frame.seq === worker.claimed) {
        worker.claimed = NONE;
        worker.starting = frame;
      } else if (frame.seq < worker.claimed && rules.dropsFramesBelowClaimed) {
        state.toParent.push({ type: 'dropped', seq: frame.seq });
      } else if (!worker.isClosed) {
        worker.queue.push(frame);
      }
      break;
    case 'recalled': {
      const { last, keep } = frame;
      worker.recalls += 1;
      worker.queue = worker.queue.filter(({ seq }) => seq <= keep || seq > last);
      if (rules.wakesWhenRecalled) worker.isStarved = false;
      break;
    }
    case 'leave':
      worker.isClosed = true;
      worker.queue = [];
      break;
  }
}

/** A message that it writes after the read is one step with it: the parent reads it later anyway. */
function claim(state: State, rules: Rules): void {
  const { worker, toParent } = state;
  const seq = state.unread.shift();
  if (seq === undefined) {
    worker.isStarved = true;
    toParent.push({ type: 'starved', recalls: worker.recalls });
    return;
  }
  if (!rules.startsWhatItClaimed) {
    worker.starting = worker.queue.shift();
    return;
  }
  while (worker.queue[0] !== undefined && worker.queue[0].seq < seq) {
    toParent.push({ type: 'dropped', seq: (worker.queue.shift() as Run).seq });
  }
  if (worker.queue.length === 0) worker.claimed = seq;
  else if (worker.queue[0]?.seq === seq) worker.starting = worker.queue.shift();
  else {
    if (worker.stolen.length === 0) breaks(state, 'G5: a worker without a thief ends itself as faulty');
    worker.claimed = seq;
    die(state, rules);
  }
}

function begin(state: State): void {
  const { worker } = state;
  const run = worker.starting as Run;
  worker.starting = undefined;
  beginTask(state, run.task);
  worker.running.push(run);
}

/** Calls the function of the task. The world sees its effect. */
export function beginTask(state: State, index: number): void {
  const task = state.tasks[index] as Task;
  if (state.worker.running.some((run) => run.task === index)) breaks(state, 'G2: a task runs twice at once');
  task.begins += 1;
  if (task.begins > 1 + task.charges) breaks(state, 'G2: a task begins again, and no death was charged to it');
  if (task.status === 'cancelled') breaks(state, 'G6: a task begins that was cancelled before it started');
  else if (!isOpen(task.status)) breaks(state, 'G2: a task begins that has settled');
}

function end(state: State, run: Run, rules: Rules): void {
  const { worker } = state;
  worker.running = worker.running.filter(({ seq }) => seq !== run.seq);
  if (rules.repliesFirst) answer(state, run);
  else worker.ended = run;
}

function answer(state: State, run: Run): void {
  state.worker.ended = undefined;
  taskOf(state, run).hasAnswered = true;
  state.toParent.push({ type: 'result', seq: run.seq });
}

function steal(state: State, run: Run): void {
  state.worker.stolen.push(state.unread.shift() as number);
  taskOf(state, run).thefts -= 1;
}

/** What it has not written is lost. It held what it had claimed and not answered. */
function die(state: State, { concurrency }: Rules): void {
  const { claimed, starting, running, ended, recalls, stolen } = state.worker;
  const { aim } = state.parent;
  if (aim >= 0 && concurrency === 1 && stolen.length === 0 && running.some(({ task }) => task !== aim))
    breaks(state, 'G5: a kill for one task ends a worker in which another has begun');
  const held = [ended, starting, ...running].flatMap((run) => (run === undefined ? [] : [run.seq]));
  if (claimed !== NONE) held.push(claimed);
  state.worker = { ...freshWorker(), life: 'dead', recalls, held, stolen };
  state.toWorker = [];
}

function taskOf(state: State, { task }: Run): Task {
  return state.tasks[task] as Task;
}
