/**
 * The parent: one system call a step. An operation is a few calls in a row, between which the
 * parent does nothing else, but the worker may.
 */
import type { Step } from './explore.js';
import {
  breaks,
  type Call,
  copyOf,
  type Frame,
  freshWorker,
  isOpen,
  type Lease,
  type Message,
  NONE,
  type Purpose,
  type State,
  type Task,
} from './handshake.js';
import type { Rules } from './rules.js';
import { beginTask } from './worker.js';

const NOBODY = -1;

export function freshParent(queue: number[]): State['parent'] {
  return {
    queue,
    leases: [],
    lastSeq: NONE,
    recalls: 0,
    frames: [],
    calls: [],
    purpose: 'flush',
    target: NOBODY,
    readBefore: 0,
    aim: NOBODY,
    mode: 'open',
  };
}

export function parentSteps(state: State, rules: Rules): Step<State>[] {
  const { parent, worker, tasks } = state;
  const steps: Step<State>[] = [];
  const add = (name: string, isDue: boolean, change: (next: State) => void): void => {
    const next = copyOf(state);
    change(next);
    steps.push({ name, isDue, next });
  };
  const disturb = (name: string, change: (next: State) => void): void => {
    if (state.disturbances === 0) return;
    add(name, false, (next) => {
      next.disturbances -= 1;
      change(next);
    });
  };

  const [call] = parent.calls;
  if (call !== undefined) {
    add(`the parent: ${call}`, true, (next) => {
      next.parent.calls.shift();
      perform(next, call, rules);
    });
    return steps;
  }

  // ---- what it does by itself
  if (parent.queue.length > 0) {
    // A new one may as well: then it is as if there were one task less.
    if (tasks[parent.queue[0] as number]?.status === 'queued') add(`task ${parent.queue[0]} runs elsewhere`, true, runElsewhere);
    if (parent.mode === 'open') add(`the parent sends task ${parent.queue[0]}`, true, send);
  }
  if (parent.frames.length > 0 || parent.leases.some(({ isPending }) => isPending)) {
    add(`the parent: ${rules.flush[0]}`, true, (next) => operate(next, 'flush', NOBODY, rules.flush, rules));
  }
  if (parent.leases.some(({ isPending }) => isPending)) {
    disturb('the file system is full', (next) => operate(next, 'fault', NOBODY, ['write all offers but one', 'kill'], rules));
  }
  if (state.toParent.length > 0) add(`the parent reads ${textOf(state.toParent[0])}`, true, (next) => readMessage(next, rules));
  if (worker.life === 'dead' && (state.toParent.length === 0 || !rules.readsAllOfDead)) {
    add('the parent buries the worker', true, (next) => operate(next, 'death', NOBODY, rules.atDeath, rules));
  }

  // ---- what the user and the clock do
  for (const [index, { status, isCancelled, spins }] of tasks.entries()) {
    if (isOpen(status) && !isCancelled) disturb(`cancel of task ${index}`, (next) => cancel(next, index, rules));
    if (status !== 'sent' || parent.mode === 'ending') continue;
    // The grace period of a cancel, and the time limit of a task that spins, end sooner or later.
    if (isCancelled || spins) add(`kill for task ${index}`, true, (next) => operate(next, 'kill', index, rules.kill, rules));
    else disturb(`kill for task ${index}`, (next) => operate(next, 'kill', index, rules.kill, rules));
  }
  if (parent.leases.length > 0) {
    disturb('withdrawal', (next) => operate(next, 'withdraw', NOBODY, rules.recall, rules));
    disturb('query', (next) => operate(next, 'query', NOBODY, rules.recall, rules));
  }
  if (parent.mode === 'open') {
    disturb('leave', (next) => {
      next.parent.mode = 'leaving';
      next.parent.frames.push({ type: 'leave' });
    });
  }
  return steps;
}

function runElsewhere(state: State): void {
  const index = state.parent.queue.shift() as number;
  beginTask(state, index);
  taskAt(state, index).hasAnswered = true;
  settle(state, index, 'result');
}

function send(state: State): void {
  const { parent } = state;
  const task = parent.queue.shift() as number;
  parent.lastSeq += 1;
  parent.leases.push({ seq: parent.lastSeq, task, isPending: true });
  parent.frames.push({ type: 'run', seq: parent.lastSeq, task });
  taskAt(state, task).status = 'sent';
}

function cancel(state: State, index: number, rules: Rules): void {
  const { parent } = state;
  const task = taskAt(state, index);
  task.isCancelled = true;
  if (task.status === 'sent') operate(state, 'cancel', index, rules.recall, rules);
  else {
    parent.queue = parent.queue.filter((other) => other !== index);
    settle(state, index, 'cancelled');
  }
}

/** The first call is made immediately. */
function operate(state: State, purpose: Purpose, target: number, calls: readonly Call[], rules: Rules): void {
  const { parent } = state;
  const [first, ...rest] = calls;
  parent.purpose = purpose;
  parent.target = target;
  parent.calls = rest;
  perform(state, first as Call, rules);
}

function perform(state: State, call: Call, rules: Rules): void {
  const { parent, worker } = state;
  switch (call) {
    case 'write offers': {
      const pending = parent.leases.filter(({ isPending }) => isPending);
      state.unread.push(...rules.offersInOrder(pending.map(({ seq }) => seq)));
      for (const lease of pending) lease.isPending = false;
      break;
    }
    case 'write all offers but one': {
      const pending = parent.leases.filter(({ isPending }) => isPending);
      for (const [index, lease] of pending.entries()) {
        const isWritten = index < pending.length - 1;
        if (isWritten) state.unread.push(lease.seq);
        lease.isPending = !isWritten && rules.remembersUnwritten;
      }
      aimAt(state, NOBODY);
      break;
    }
    case 'write frames':
      if (worker.life !== 'dead') state.toWorker.push(...parent.frames);
      parent.frames = [];
      break;
    case 'recall':
      recall(state, rules);
      break;
    case 'read one record':
      if (state.unread.shift() !== undefined) parent.readBefore += 1;
      break;
    case 'kill':
      if (worker.life === 'alive') worker.life = 'killed';
      if (parent.mode !== 'ending') aimAt(state, parent.target);
      break;
    case 'read all':
      while (state.toParent.length > 0) readMessage(state, rules);
      break;
    case 'check':
      if (countClaimed(state) > rules.concurrency) fault(state, rules);
      break;
    case 'bury':
      bury(state, rules);
      break;
  }
}

/**
 * The records that it reads are those of the last attempts offered, so these have not started, and
 * every other one has.
 */
function recall(state: State, rules: Rules): void {
  const { parent } = state;
  const { purpose, target } = parent;
  const read = rules.countUnclaimed(state.unread.length + parent.readBefore, parent);
  parent.readBefore = 0;
  if (rules.takesRecords) state.unread = [];
  const pending = parent.leases.filter(({ isPending }) => isPending);
  const offered = parent.leases.filter(({ isPending }) => !isPending);
  const unclaimed = [...offered.slice(Math.max(0, offered.length - read)), ...(rules.isPendingUnclaimed ? pending : [])];
  if (!rules.isPendingUnclaimed) for (const lease of pending) lease.isPending = false;
  for (const lease of unclaimed) lease.isPending = true;
  if (purpose === 'death') return;

  const isWithdrawn = ({ task }: Lease): boolean => purpose !== 'query' && (purpose !== 'cancel' || task === target);
  const withdrawn = unclaimed.filter(isWithdrawn);
  const offeredAgain = unclaimed.filter((lease) => !isWithdrawn(lease));
  parent.leases = parent.leases.filter((lease) => !withdrawn.includes(lease));
  if (unclaimed.length > 0 && rules.sendsRecalled(unclaimed.length > pending.length)) {
    const last = parent.lastSeq;
    const recalled = { unclaimed: unclaimed.map(seqOf), offeredAgain: offeredAgain.map(seqOf), last };
    const frame: Frame = { type: 'recalled', last, keep: rules.keepOf(parent.leases.map(seqOf), recalled) };
    parent.recalls += 1;
    if (rules.recalledGoesLast) parent.frames.push(frame);
    else parent.frames.unshift(frame);
  }
  const isOver = (purpose === 'cancel' || purpose === 'kill') && withdrawn.some(({ task }) => task === target);
  redispatch(
    state,
    withdrawn.map(({ task }) => task).filter((task) => !isOver || task !== target),
    rules,
  );
  if (isOver) settle(state, target, 'cancelled');

  const hasTooMany = rules.checksPlaces && countClaimed(state) > rules.concurrency;
  if (purpose === 'kill') {
    const seq = parent.leases.find(({ task }) => task === target)?.seq ?? NONE;
    const hasEnded = rules.concurrency === 1 && parent.leases.some((lease) => lease.seq > seq);
    if (isOver) parent.calls = [];
    else if (hasEnded && !rules.killsPastLater) parent.calls = hasTooMany ? ['read all', 'check'] : [];
    else aimAt(state, target);
  } else if (purpose === 'fault') {
    aimAt(state, NOBODY);
  } else if (hasTooMany) {
    parent.calls.push('read all', 'check');
  }
}

function seqOf({ seq }: Lease): number {
  return seq;
}

/** Directly after a recall: what is not pending has started. */
function countClaimed({ parent }: State): number {
  return parent.leases.filter(({ isPending }) => !isPending).length;
}

function aimAt({ parent }: State, task: number): void {
  parent.mode = 'ending';
  parent.aim = task;
}

function readMessage(state: State, rules: Rules): void {
  const { parent } = state;
  const message = state.toParent.shift() as Message;
  const lease = message.type === 'starved' ? undefined : parent.leases.find(({ seq }) => seq === message.seq);
  switch (message.type) {
    case 'result':
      if (lease === undefined) return; // late
      if (lease.isPending) {
        fault(state, rules);
        return;
      }
      parent.leases = parent.leases.filter((other) => other !== lease);
      settle(state, lease.task, 'result');
      break;
    case 'dropped':
      if (lease !== undefined && rules.believesDropped) fault(state, rules);
      break;
    case 'starved':
      if (rules.isTheft(message.recalls, parent.recalls)) fault(state, rules);
      break;
  }
}

/** Somebody else has read from the file. */
function fault(state: State, rules: Rules): void {
  if (state.parent.mode === 'ending') return;
  if (state.worker.stolen.length === 0) breaks(state, 'G5: a worker without a thief is found faulty');
  operate(state, 'fault', NOBODY, ['recall', 'kill'], rules);
}

/** What had not started is sent again, and what had started is charged. */
function bury(state: State, rules: Rules): void {
  const { parent, worker } = state;
  const { aim } = parent;
  const started = parent.leases.filter(({ isPending }) => !isPending);
  const isKnown = (seq: number): boolean => worker.held.includes(seq) || worker.stolen.includes(seq);
  if (started.some(({ seq, task }) => !isKnown(seq) && !taskAt(state, task).hasAnswered)) {
    breaks(state, 'G3: a death is charged to a task that had not started');
  }
  if (worker.held.some((held) => !started.some(({ seq }) => seq === held))) {
    breaks(state, 'G3: a death is not charged to a task that had started');
  }
  if (aim >= 0 && rules.concurrency === 1 && worker.stolen.length === 0 && started.some(({ task }) => task !== aim)) {
    breaks(state, 'G5: a kill for one task is charged to another');
  }
  const unclaimed = parent.leases.filter(({ isPending }) => isPending).map(({ task }) => task);
  redispatch(state, unclaimed, rules);
  for (const { task } of started) charge(state, task);
  state.worker = freshWorker();
  state.parent = freshParent(state.parent.queue);
  state.unread = [];
  state.toWorker = [];
  state.toParent = [];
}

function charge(state: State, index: number): void {
  const task = taskAt(state, index);
  task.charges += 1;
  if (index === state.parent.aim || task.isCancelled) settle(state, index, 'killed');
  else if (task.charges > task.retries) settle(state, index, 'died');
  else {
    wait(state, index);
    state.parent.queue.push(index);
  }
}

function redispatch(state: State, tasks: number[], { redispatched }: Rules): void {
  const { parent } = state;
  for (const task of tasks) wait(state, task);
  parent.queue = redispatched(tasks, parent.queue);
}

function wait(state: State, index: number): void {
  const task = taskAt(state, index);
  if (task.hasAnswered) breaks(state, 'G4: a task had answered, and waits to be sent again');
  task.status = 'queued';
}

function settle(state: State, index: number, outcome: 'result' | 'cancelled' | 'killed' | 'died'): void {
  const task = taskAt(state, index);
  if (!isOpen(task.status)) breaks(state, 'G1: a task settles twice');
  if (task.hasAnswered && outcome !== 'result') breaks(state, 'G4: a task had answered, and does not end with its result');
  task.status = outcome;
}

function taskAt(state: State, index: number): Task {
  return state.tasks[index] as Task;
}

function textOf(message: Message | undefined): string {
  return message?.type === 'starved' ? `starved, ${message.recalls} recalls seen` : `${message?.type} ${message?.seq}`;
}
