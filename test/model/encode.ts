/**
 * A short text of a state. Two states have the same text if the same can still happen in them: what
 * is over is left out, and counts that only matter by their difference are counted from the lowest.
 */
import { type Frame, isOpen, type Message, type Parent, type Run, type State, type Task, type Worker } from './handshake.js';

const bytes = Buffer.alloc(1024);
let length = 0;
let lowestSeq = 0;
let lowestRecalls = 0;

export function encode(state: State): string {
  const { tasks, parent, worker, unread, toWorker, toParent } = state;
  length = 0;
  lowestSeq = lowestSeqOf(state) - 1;
  lowestRecalls = worker.recalls;
  for (const message of toParent) if (message.type === 'starved') lowestRecalls = Math.min(lowestRecalls, message.recalls);
  put(state.disturbances);
  for (const task of tasks) putTask(task);
  putParent(parent);
  putWorker(worker);
  put(unread.length);
  for (const seq of unread) putSeq(seq);
  put(toWorker.length);
  for (const frame of toWorker) putFrame(frame);
  put(toParent.length);
  for (const message of toParent) putMessage(message);
  putWord(state.broken);
  return bytes.toString('latin1', 0, length);
}

/** No lower number lies anywhere. */
function lowestSeqOf({ parent, worker, unread, toWorker, toParent }: State): number {
  let lowest = parent.lastSeq + 1;
  const see = (seq: number): void => {
    if (seq > 0 && seq < lowest) lowest = seq;
  };
  for (const { seq } of parent.leases) see(seq);
  for (const seq of unread) see(seq);
  for (const frames of [parent.frames, toWorker]) {
    for (const frame of frames) {
      if (frame.type === 'run') see(frame.seq);
      if (frame.type === 'recalled') see(frame.keep);
    }
  }
  for (const message of toParent) if (message.type !== 'starved') see(message.seq);
  for (const { seq } of worker.queue) see(seq);
  for (const { seq } of worker.running) see(seq);
  for (const seq of worker.held) see(seq);
  for (const seq of worker.stolen) see(seq);
  see(worker.claimed);
  see(worker.starting?.seq ?? 0);
  see(worker.ended?.seq ?? 0);
  return lowest;
}

function putTask({ status, spins, thefts, isCancelled, begins, charges, hasAnswered, retries }: Task): void {
  if (!isOpen(status)) {
    putWord(status === 'cancelled' ? 'cancelled' : 'settled');
    return;
  }
  putWord(status);
  put(retries * 4 + begins);
  put(charges * 8 + (spins ? 4 : 0) + (isCancelled ? 2 : 0) + (hasAnswered ? 1 : 0));
  put(thefts);
}

function putParent({ queue, leases, lastSeq, recalls, frames, calls, purpose, target, readBefore, aim, mode }: Parent): void {
  put(queue.length);
  for (const task of queue) put(task);
  put(leases.length);
  for (const { seq, task, isPending } of leases) {
    putSeq(seq);
    put(task * 2 + (isPending ? 1 : 0));
  }
  putSeq(lastSeq);
  put(recalls - lowestRecalls);
  put(frames.length);
  for (const frame of frames) putFrame(frame);
  put(calls.length);
  for (const call of calls) putWord(call);
  if (calls.length > 0) {
    putWord(purpose);
    put(target);
    put(readBefore);
  }
  put(aim);
  putWord(mode);
}

function putWorker({ life, queue, claimed, isStarved, isClosed, recalls, starting, running, ended, held, stolen }: Worker): void {
  putWord(life);
  put(queue.length);
  for (const run of queue) putRun(run);
  putSeq(claimed);
  put((isStarved ? 2 : 0) + (isClosed ? 1 : 0));
  put(recalls - lowestRecalls);
  putRun(starting);
  put(running.length);
  for (const run of running) putRun(run);
  putRun(ended);
  put(held.length);
  for (const seq of held) putSeq(seq);
  put(stolen.length);
  for (const seq of stolen) putSeq(seq);
}

function putRun(run: Run | undefined): void {
  putSeq(run?.seq ?? 0);
  put(run?.task ?? 0);
}

function putFrame(frame: Frame): void {
  putWord(frame.type);
  if (frame.type === 'run') putRun(frame);
  else if (frame.type === 'recalled') {
    putSeq(frame.last);
    putSeq(frame.keep);
  }
}

function putMessage(message: Message): void {
  putWord(message.type);
  if (message.type === 'starved') put(message.recalls - lowestRecalls);
  else putSeq(message.seq);
}

function putSeq(seq: number): void {
  put(seq === 0 ? 0 : seq - lowestSeq);
}

function put(value: number): void {
  bytes[length] = value + 0x80;
  length += 1;
}

const words = new Map<string, number>();

function putWord(word: string): void {
  let value = words.get(word);
  if (value === undefined) {
    value = words.size;
    words.set(word, value);
  }
  put(value);
}
