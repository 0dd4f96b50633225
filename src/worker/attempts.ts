/**
 * Starts attempts in the order in which they were sent, at most `concurrency` at once, and answers each.
 *
 * An attempt is noted as started as soon as its header is there and a lane is free, before its body is
 * received or decoded: arguments that kill the worker are part of the attempt (contract.md, Blame). Only
 * then is its revoke cell read, so of a start and a racing revocation at least one side sees the other (G5, G6).
 */

import { types } from 'node:util';
import { decode } from '../ipc/codec/codec.js';
import { Flag, type Message } from '../ipc/frame.js';
import type { AbortKind } from '../shared/platform.js';
import { Attempt } from './attempt.js';
import type { TaskFunction } from './platform.js';
import { Queue } from './queue.js';
import type { Runner } from './runner.js';
import { EXEC } from './task-registry.js';

const { isPromise } = types;

/** What became of the Run message whose header is there and whose body is not. */
type Arrival = 'queued' | 'started' | 'skipped';

interface PendingAbort {
  readonly kind: AbortKind;
  readonly reason: unknown;
  readonly timeoutMs: number;
}

export class Attempts {
  readonly #runner: Runner;
  #free = 0; // none until `open`
  #isClosed = false;
  readonly #queue = new Queue(); // sent ahead, none of them noted
  #arriving: Message | undefined;
  #arrival: Arrival = 'queued';
  #isPumping = false;
  /** Those that have returned a promise. A synchronous one is over before anybody could look for it. */
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

  /** The worker is ready: starts what has come meanwhile. */
  open(concurrency: number): void {
    this.#free = concurrency;
    this.#pump();
  }

  /** Starts no more. What waits here was never noted, so the parent gives it to another worker. */
  close(): void {
    this.#isClosed = true;
    this.#queue.clear();
    this.#aborts.clear();
  }

  /** The header of a Run is there, its body is not. */
  onHeader(message: Message): void {
    this.#arriving = message;
    if (this.#isClosed) {
      this.#arrival = 'skipped';
    } else if (this.#free > 0 && this.#queue.isEmpty) {
      this.#arrival = this.#start(message) ? 'started' : 'skipped';
    } else {
      this.#arrival = 'queued';
      this.#queue.push(message);
    }
  }

  /** The body is there too. */
  onRun(message: Message): void {
    this.#arriving = undefined;
    if (this.#arrival !== 'started') return;
    this.#run(message);
    this.#pump();
  }

  abort(seq: number, abort: PendingAbort): void {
    const attempt = this.#running.get(seq);
    if (attempt !== undefined) this.#runner.current.within(attempt, () => attempt.abort(abort.kind, abort.reason, abort.timeoutMs));
    else if (this.#queue.has(seq) && this.#aborts.get(seq)?.kind !== 'cancel') this.#aborts.set(seq, abort);
  }

  /** Notes the start and takes a lane; false if the attempt was revoked. */
  #start(message: Message): boolean {
    const { seq } = message;
    const { platform, replies } = this.#runner;
    platform.controlFile.start(seq);
    if (platform.controlFile.isRevoked(seq)) {
      this.#aborts.delete(seq);
      replies.dropped(seq);
      return false;
    }
    this.#free -= 1;
    if ((message.flags & Flag.WantStarted) !== 0) replies.started(seq);
    return true;
  }

  /** Starts what waits, in order, while lanes are free. */
  #pump(): void {
    if (this.#isPumping || this.#queue.isEmpty) return;
    this.#isPumping = true;
    while (this.#free > 0 && !this.#queue.isEmpty) {
      const message = this.#queue.shift() as Message;
      const isStarted = this.#start(message);
      if (message === this.#arriving) this.#arrival = isStarted ? 'started' : 'skipped';
      else if (isStarted) this.#run(message);
    }
    this.#isPumping = false;
  }

  /** Runs a started attempt whose body is there. Of one that makes no promise nothing is left when this returns. */
  #run(message: Message): void {
    const attempt = new Attempt(message.seq, message.time, message.b, this.#runner.platform.now());
    if (this.#aborts.size > 0) this.#applyAbort(attempt);
    let args: unknown;
    try {
      args = decode(message.codec, message.body, message.attachments);
    } catch (error) {
      this.#runner.replies.undecodable(attempt, error);
      this.#end();
      return;
    }
    let fn: TaskFunction | undefined;
    if ((message.flags & Flag.Exec) === 0) {
      fn = this.#named(attempt, message.a);
    } else {
      const [source, rest] = args as [string, unknown[]];
      fn = this.#compiled(attempt, source);
      args = rest;
    }
    if (fn === undefined || this.#hasAnswered(attempt, fn, args as unknown[], message)) this.#end();
  }

  /** Calls the function, and answers unless that has made a promise. */
  #hasAnswered(attempt: Attempt, fn: TaskFunction, args: unknown[], { a, flags }: Message): boolean {
    const { title, tasks, chunks, current, streams, replies } = this.#runner;
    title?.running((flags & Flag.Exec) === 0 ? a : EXEC, tasks);
    let value: unknown;
    try {
      if ((flags & Flag.Chunk) !== 0) value = chunks.drive(attempt, fn, args as unknown[][], (flags & Flag.Exact) !== 0);
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

  /** What is sent may have getters, which are code of the task. */
  #answerWithin(attempt: Attempt, value: unknown): void {
    this.#runner.current.within(attempt, () => this.#runner.replies.result(attempt, value));
  }

  /** Its `then` is code of the task: a query, say, that runs when it is awaited. */
  #awaitForeign(attempt: Attempt, value: PromiseLike<unknown>): void {
    this.#runner.current.within(attempt, () => void this.#await(attempt, value));
  }

  /** An async function, so that only `await` touches the promise: user code may have replaced `then`. */
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

  /** What the module exports by that name; when it exports none, the attempt is answered. */
  #named(attempt: Attempt, id: number): TaskFunction | undefined {
    const { replies, tasks } = this.#runner;
    const fn = tasks.byId(id);
    if (fn === undefined) replies.unknownTask(attempt, tasks.nameOf(id), tasks.exports);
    return fn;
  }

  /** What the source of `exec` makes; when it makes nothing, the attempt is answered. */
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
    this.#free += 1;
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
