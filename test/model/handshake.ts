/**
 * The state of the handshake between a parent and one of its workers: what each side knows, and
 * what lies between them: the file of offers and the two directions of the channel.
 *
 * The rest of the pool is the queue, and one other worker that takes what it gets and answers in
 * one step.
 */

/** None of the numbers of attempts. */
export const NONE = 0;

export type Status =
  | 'new' // in the queue, never sent
  | 'queued' // to be sent again
  | 'sent'
  | 'result'
  | 'cancelled' // before it started
  | 'killed'
  | 'died';

export interface Task {
  readonly retries: number;
  /** Its function never returns. Its time limit passes sooner or later. */
  readonly spins: boolean;
  /** The number of records that its code may read from the worker's descriptor. */
  thefts: number;
  status: Status;
  isCancelled: boolean;
  begins: number;
  charges: number;
  /** A whole reply of it was written. */
  hasAnswered: boolean;
}

/** The parent's record that an attempt is with the worker. */
export interface Lease {
  readonly seq: number;
  readonly task: number;
  /** Not written to the file yet, or not again. */
  isPending: boolean;
}

export type Frame =
  | { readonly type: 'run'; readonly seq: number; readonly task: number }
  /** Forget what is queued above `keep`, up to `last`. */
  | { readonly type: 'recalled'; readonly last: number; readonly keep: number }
  | { readonly type: 'leave' };

export type Run = Extract<Frame, { type: 'run' }>;

export type Message =
  | { readonly type: 'result'; readonly seq: number }
  | { readonly type: 'dropped'; readonly seq: number }
  | { readonly type: 'starved'; readonly recalls: number };

/** A system call of the parent, or what it does between two. */
export type Call =
  | 'write offers'
  | 'write all offers but one' // the file system is full
  | 'write frames'
  | 'recall' // read the rest of the file
  | 'read one record'
  | 'kill'
  | 'read all' // of what is in the pipe
  | 'check' // that no more have started than have a place
  | 'bury';

/** What the calls are for. `target` is the task of a cancel or a kill. */
export type Purpose = 'flush' | 'cancel' | 'withdraw' | 'query' | 'kill' | 'fault' | 'death';

export interface Parent {
  /** Tasks that wait, the first one in front. */
  queue: number[];
  /** Open, by ascending number. */
  leases: Lease[];
  lastSeq: number;
  recalls: number;
  /** For the worker, not written yet. */
  frames: Frame[];
  /** The calls of an operation that has begun. Nothing comes between them. */
  calls: Call[];
  purpose: Purpose;
  target: number;
  /** The records that the recall has read already. */
  readBefore: number;
  /** The task for which the worker is being killed; -1: none. */
  aim: number;
  /** `ending`: a kill has been decided. */
  mode: 'open' | 'leaving' | 'ending';
}

export interface Worker {
  life: 'alive' | 'killed' | 'dead';
  queue: Run[];
  /** Read from the file before its frame has arrived. */
  claimed: number;
  isStarved: boolean;
  isClosed: boolean;
  recalls: number;
  /** Claimed, and its function not called yet. */
  starting: Run | undefined;
  running: Run[];
  /** Ended, and not answered yet: only in a wrong order. */
  ended: Run | undefined;
  /** When it died, these had been claimed and not answered. */
  held: number[];
  /** Records that task code has read. */
  stolen: number[];
}

export interface State {
  tasks: Task[];
  parent: Parent;
  worker: Worker;
  /** The records of the file after the offset that both sides share. */
  unread: number[];
  toWorker: Frame[];
  toParent: Message[];
  /** How often the world may still interfere: a cancel, a withdrawal, a query, a kill, a death. */
  disturbances: number;
  /** The first guarantee that was broken. */
  broken: string;
}

/** Not settled. */
export function isOpen(status: Status): boolean {
  return status === 'new' || status === 'queued' || status === 'sent';
}

export function freshWorker(): Worker {
  return {
    life: 'alive',
    queue: [],
    claimed: NONE,
    isStarved: false,
    isClosed: false,
    recalls: 0,
    starting: undefined,
    running: [],
    ended: undefined,
    held: [],
    stolen: [],
  };
}

/** Field by field, because most of the time goes here: a spread takes three times as long. */
export function copyOf({ tasks, parent, worker, unread, toWorker, toParent, disturbances, broken }: State): State {
  return {
    tasks: tasks.map(copyOfTask),
    parent: {
      queue: parent.queue.slice(),
      leases: parent.leases.map(copyOfLease),
      lastSeq: parent.lastSeq,
      recalls: parent.recalls,
      frames: parent.frames.slice(),
      calls: parent.calls.slice(),
      purpose: parent.purpose,
      target: parent.target,
      readBefore: parent.readBefore,
      aim: parent.aim,
      mode: parent.mode,
    },
    worker: {
      life: worker.life,
      queue: worker.queue.slice(),
      claimed: worker.claimed,
      isStarved: worker.isStarved,
      isClosed: worker.isClosed,
      recalls: worker.recalls,
      starting: worker.starting,
      running: worker.running.slice(),
      ended: worker.ended,
      held: worker.held.slice(),
      stolen: worker.stolen.slice(),
    },
    unread: unread.slice(),
    toWorker: toWorker.slice(),
    toParent: toParent.slice(),
    disturbances,
    broken,
  };
}

function copyOfTask({ retries, spins, thefts, status, isCancelled, begins, charges, hasAnswered }: Task): Task {
  return { retries, spins, thefts, status, isCancelled, begins, charges, hasAnswered };
}

function copyOfLease({ seq, task, isPending }: Lease): Lease {
  return { seq, task, isPending };
}

export function breaks(state: State, guarantee: string): void {
  if (state.broken === '') state.broken = guarantee;
}
