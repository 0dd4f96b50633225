/**
 * Starts attempts in the order in which they were sent, at most `concurrency` at once, and answers
 * each.
 *
 * An attempt starts when its offer is claimed (ControlFile in shared/platform.ts): as soon as its
 * header has arrived and a place is free, before its body is received or decoded, because arguments
 * that kill the worker are part of the attempt. What the parent has recalled cannot be claimed (G5,
 * G6): the next claim then gives a later number, or none.
 */

import { types } from 'node:util';
import type { ChunkBody } from '../ipc/chunk-body.js';
import { decode } from '../ipc/codec/codec.js';
import { OFFERS_FD } from '../ipc/descriptors.js';
import { Flag } from '../ipc/frame.js';
import { attemptNumberOf, nameIdOf, type RunMessage, taskIdOf } from '../ipc/messages.js';
import type { AbortKind } from '../shared/platform.js';
import { Attempt } from './attempt.js';
import type { TaskFunction } from './platform.js';
import { Queue } from './queue.js';
import type { Runner } from './runner.js';
import { EXEC } from './task-registry.js';

const { isArray } = Array;
const { isPromise } = types;

/** The state of the Run message whose header has arrived and whose body has not. */
type Arrival = 'queued' | 'started' | 'skipped';

interface PendingAbort {
  readonly kind: AbortKind;
  readonly reason: unknown;
  readonly timeoutMs: number;
}

export class Attempts {
  readonly #runner: Runner;
  #freePlaces = 0; // none until `open`
  #isClosed = false;
  readonly #queue = new Queue(); // sent ahead, not started
  #arriving: RunMessage | undefined;
  #arrival: Arrival = 'queued';
  #isPumping = false;
  #claimedUpTo = 0;
  /** The header of the attempt claimed last has not arrived: earlier offers were recalled. */
  #isAwaited = false;
  /** There was no offer: a Recalled is on its way. */
  #isStarved = false;
  #recalls = 0;
  /** The attempts that have returned a promise. Others end before anything else can run. */
  readonly #running = new Map<number, Attempt>();
  readonly #aborts = new Map<number, PendingAbort>(); // for attempts in the queue

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  get isIdle(): boolean {
    return this.#running.size === 0;
  }
  get running(): Iterable<Attempt> {
    return this.#running.values();
  }

  /** The worker is ready: starts what has arrived meanwhile. */
  open(concurrency: number): void {
    this.#freePlaces = concurrency;
    this.#pump();
  }

  /** Starts no more. What is queued has not started, so the parent gives it to another worker. */
  close(): void {
    this.#isClosed = true;
    this.#queue.clear();
    this.#aborts.clear();
  }

  /** The header of a Run has arrived, its body has not. */
  onHeader(message: RunMessage): void {
    this.#arriving = message;
    if (this.#isClosed) this.#arrival = 'skipped';
    else if (message.seq <= this.#claimedUpTo) this.#onClaimed(message);
    else if (this.#freePlaces > 0 && this.#queue.isEmpty && !this.#isAwaited) this.#onNext(message);
    else this.#enqueue(message);
  }

  /** Nothing waits before it: it starts now, if its offer is the next one. */
  #onNext(message: RunMessage): void {
    const seq = this.#runner.platform.controlFile.claim();
    if (seq === message.seq) {
      this.#claimedUpTo = seq;
      this.#arrival = 'started';
      this.#start(message);
    } else {
      this.#enqueue(message);
      this.#onOffer(seq);
    }
  }

  #enqueue(message: RunMessage): void {
    this.#arrival = 'queued';
    this.#queue.push(message);
  }

  /** The header of an attempt that was claimed before it arrived, or of an earlier one. */
  #onClaimed(message: RunMessage): void {
    if (this.#isAwaited && message.seq === this.#claimedUpTo) {
      this.#isAwaited = false;
      this.#arrival = 'started';
      this.#start(message);
    } else {
      this.#arrival = 'skipped';
      this.#runner.replies.dropped(message.seq);
    }
  }

  /** The body has arrived too. */
  onRun(message: RunMessage): void {
    this.#arriving = undefined;
    if (this.#arrival !== 'started') return;
    this.#run(message);
    this.#pump();
  }

  /** Those up to `seq` and above `kept` are withdrawn; others may have been offered again. */
  recalled(seq: number, kept: number): void {
    this.#recalls += 1;
    this.#queue.forget(kept, seq);
    for (const aborted of this.#aborts.keys()) if (aborted > kept && aborted <= seq) this.#aborts.delete(aborted);
    this.#isStarved = false;
    this.#pump();
  }

  abort(seq: number, abort: PendingAbort): void {
    const attempt = this.#running.get(seq);
    if (attempt !== undefined) this.#runner.current.within(attempt, () => attempt.abort(abort.kind, abort.reason, abort.timeoutMs));
    else if (this.#queue.has(seq) && this.#aborts.get(seq)?.kind !== 'cancel') this.#aborts.set(seq, abort);
  }

  /** Its offer was claimed. */
  #start(message: RunMessage): void {
    this.#freePlaces -= 1;
    if ((message.flags & Flag.WantStarted) !== 0) this.#runner.replies.started(message.seq);
  }

  /** Starts what is queued, in order, while places are free. */
  #pump(): void {
    if (this.#isPumping || this.#queue.isEmpty) return;
    this.#isPumping = true;
    while (this.#freePlaces > 0 && !this.#isStarved && !this.#isAwaited && !this.#queue.isEmpty) {
      const message = this.#onOffer(this.#runner.platform.controlFile.claim());
      if (message === undefined) continue;
      this.#start(message);
      if (message === this.#arriving) this.#arrival = 'started';
      else this.#run(message);
    }
    this.#isPumping = false;
  }

  /** An offer was claimed, or there is none: 0. Returns its attempt, if the header has arrived. */
  #onOffer(seq: number): RunMessage | undefined {
    const queue = this.#queue;
    if (seq === 0) {
      this.#isStarved = true;
      this.#runner.replies.starved(this.#recalls);
      return undefined;
    }
    while (queue.first < seq) this.#drop(queue.shift() as RunMessage);
    if (!queue.isEmpty && queue.first !== seq)
      throw new Error(`the offers of the worker were read by somebody else: fd ${OFFERS_FD} belongs to everpool`);
    this.#claimedUpTo = seq;
    if (!queue.isEmpty) return queue.shift();
    this.#isAwaited = true;
    return undefined;
  }

  /** The offer of a later attempt was claimed: the parent knows why, or task code took this one. */
  #drop(message: RunMessage): void {
    if (message === this.#arriving) this.#arrival = 'skipped';
    this.#aborts.delete(message.seq);
    this.#runner.replies.dropped(message.seq);
  }

  /**
   * Runs a started attempt whose body has arrived. An attempt that returns no promise has ended
   * when this returns.
   */
  #run(message: RunMessage): void {
    const attempt = new Attempt(message.seq, taskIdOf(message), attemptNumberOf(message), this.#runner.platform.now());
    if (this.#aborts.size > 0) this.#applyAbort(attempt);
    const { replies, tasks } = this.#runner;
    let args: unknown;
    try {
      args = decode(message.codec, message.body, message.attachments);
      if ((message.flags & Flag.Chunk) === 0 && !isArray(args)) throw new Error('the arguments are not a list');
    } catch (error) {
      replies.undecodable(attempt, error);
      this.#end();
      return;
    }
    let fn: TaskFunction | undefined;
    if ((message.flags & Flag.Exec) === 0) {
      fn = tasks.byId(nameIdOf(message));
      if (fn === undefined) replies.unknownTask(attempt, tasks.exports);
    } else {
      const [source, rest] = args as [string, unknown[]];
      fn = this.#compiled(attempt, source);
      args = rest;
    }
    if (fn === undefined || this.#hasAnswered(attempt, fn, args as unknown[], message)) this.#end();
  }

  /** Calls the function, and answers unless it returns a promise. */
  #hasAnswered(attempt: Attempt, fn: TaskFunction, args: unknown[], message: RunMessage): boolean {
    const { flags } = message;
    const { title, tasks, chunks, current, streams, replies } = this.#runner;
    title?.running((flags & Flag.Exec) === 0 ? nameIdOf(message) : EXEC, tasks);
    let value: unknown;
    try {
      if ((flags & Flag.Chunk) !== 0) value = chunks.drive(attempt, fn, args as ChunkBody, (flags & Flag.Exact) !== 0);
      else value = current.run(attempt, fn, args);
      if ((flags & Flag.Stream) !== 0) value = streams.drive(attempt, value);
      if (isThenable(value)) {
        this.#running.set(attempt.seq, attempt);
        if (isPromise(value)) void this.#await(attempt, value);
        else this.#awaitForeign(attempt, value);
        return false;
      }
    } catch (thrown) {
      replies.failure(attempt, thrown);
      return true;
    }
    if (typeof value === 'object' && current.isTracking) this.#answerWithin(attempt, value);
    else replies.result(attempt, value);
    return true;
  }

  /** The value may have getters, which are code of the task. */
  #answerWithin(attempt: Attempt, value: unknown): void {
    this.#runner.current.within(attempt, () => this.#runner.replies.result(attempt, value));
  }

  /** Its `then` is code of the task: for example a query that runs when it is awaited. */
  #awaitForeign(attempt: Attempt, value: PromiseLike<unknown>): void {
    this.#runner.current.within(attempt, () => void this.#await(attempt, value));
  }

  /**
   * An async function, so that only `await` touches the promise: user code may have replaced
   * `then`.
   */
  async #await(attempt: Attempt, promise: PromiseLike<unknown>): Promise<void> {
    let value: unknown;
    let hasFailed = false;
    try {
      value = await promise;
    } catch (thrown) {
      value = thrown;
      hasFailed = true;
    }
    try {
      this.#running.delete(attempt.seq);
      if (hasFailed) this.#runner.replies.failure(attempt, value);
      else if (typeof value === 'object' && this.#runner.current.isTracking) this.#answerWithin(attempt, value);
      else this.#runner.replies.result(attempt, value);
      this.#end();
      this.#pump();
    } catch (error) {
      this.#runner.onFault(error);
    }
  }

  /**
   * The function that the source of `exec` evaluates to. Undefined if there is none: then the
   * attempt is answered.
   */
  #compiled(attempt: Attempt, source: string): TaskFunction | undefined {
    const { replies, tasks } = this.#runner;
    try {
      return tasks.compiled(source);
    } catch (error) {
      replies.failure(attempt, error);
      return undefined;
    }
  }

  #end(): void {
    this.#freePlaces += 1;
    if (this.#queue.isEmpty && this.#running.size === 0) this.#runner.title?.idle();
    if (this.#isClosed && this.#running.size === 0) this.#runner.onIdle();
  }

  #applyAbort(attempt: Attempt): void {
    const abort = this.#aborts.get(attempt.seq);
    if (abort === undefined) return;
    this.#aborts.delete(attempt.seq);
    attempt.abort(abort.kind, abort.reason, abort.timeoutMs);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}
