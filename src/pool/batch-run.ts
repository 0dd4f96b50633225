/**
 * The engine of a batch: pulls items as far ahead as it may, submits each as a task, and hands the
 * outcomes on. It retains what is in flight and what is not yet taken, and nothing else (G12).
 */
import { type Deferred, deferred } from '../shared/deferred.js';
import type { Timer } from '../shared/doors.js';
import { QueueFullError, TaskCancelledError } from '../shared/errors.js';
import { ignore } from '../shared/ignore.js';
import type { Core } from './core.js';
import { guarded } from './events.js';
import type { TaskRecord } from './record.js';
import { encodeArgs, namedWork } from './submit.js';
import type { ResolvedMapOptions } from './task-options.js';
import type { BatchProgress } from './types.js';

export type Outcome = { index: number } & PromiseSettledResult<unknown>;

/** So many items are pulled before others get a turn: a long synchronous input must not hold the event loop. */
const GULP = 256;
const PROGRESS_MS = 100;
let lastId = 0;

export class BatchRun {
  readonly id: number = ++lastId;
  readonly #core: Core;
  readonly #name: string;
  readonly #input: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #toArgs: (item: unknown) => readonly unknown[];
  readonly #options: ResolvedMapOptions;
  readonly #limit: number;
  readonly #startedAt: number;
  readonly #records = new Map<number, TaskRecord>(); // in flight, by index
  readonly #ready = new Map<number, Outcome>(); // settled and not taken
  #state: 'pulling' | 'pulled' | 'ended' = 'pulling'; // ended: by a failure, a cancel, or from outside
  #isPulling = false;
  #takesAll = false;
  #goesOn: boolean;
  #pulled = 0;
  #taken = 0;
  #done = 0;
  #failed = 0;
  #total: number | undefined;
  #fatal: { reason: unknown } | undefined; // what ended the whole batch
  #first: { reason: unknown } | undefined; // the first failure of an item
  #isOwnEnd = false;
  #onOwnEnd: (() => void) | undefined;
  #change: Deferred<void> | undefined; // resolved at the next change
  readonly #listeners: ((progress: BatchProgress) => void)[] = [];
  #progressTimer: Timer | undefined;
  readonly #onAbort = (): void => this.#endWith({ reason: this.#options.task.signal?.reason }, 'cancel', true);

  constructor(
    core: Core,
    name: string,
    input: Iterator<unknown> | AsyncIterator<unknown>,
    total: number | undefined,
    toArgs: (item: unknown) => readonly unknown[],
    options: ResolvedMapOptions,
  ) {
    this.#core = core;
    this.#name = name;
    this.#input = input;
    this.#total = total;
    this.#toArgs = toArgs;
    this.#options = options;
    this.#goesOn = options.onError === 'continue';
    this.#limit = options.bufferSize ?? 4 * core.supervisor.max * core.options.concurrency;
    this.#startedAt = core.clock.now();
    const { signal } = options.task;
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#pull();
  }

  get goesOn(): boolean {
    return this.#goesOn;
  }
  /** What ended the whole batch: the input's own error, a cancel, a signal, the end of the pool. */
  get fatal(): { reason: unknown } | undefined {
    return this.#fatal;
  }
  get progress(): BatchProgress {
    const seconds = Math.max(1e-3, (this.#core.clock.now() - this.#startedAt) / 1000);
    const perSecond = this.#done / seconds;
    const left = this.#total === undefined ? undefined : this.#total - this.#done;
    const etaMs = left === undefined || (perSecond === 0 && left > 0) ? undefined : left === 0 ? 0 : (left / perSecond) * 1000;
    return { total: this.#total, done: this.#done, failed: this.#failed, running: this.#records.size, perSecond, etaMs };
  }

  goOnAfterErrors(): void {
    this.#goesOn = true;
  }

  /** What the batch as a whole rejects with, if it does. */
  failure(outcomes: readonly Outcome[]): { reason: unknown } | undefined {
    if (this.#fatal !== undefined) return this.#fatal;
    if (this.#first === undefined) return undefined;
    if (!this.#goesOn) return this.#first;
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    return { reason: new AggregateError(errors, `${errors.length} of ${outcomes.length} items of the batch failed (${this.#name})`) };
  }

  /** Takes everything; resolves, with the outcomes in the order of the items, when nothing is left. */
  async takeAll(): Promise<Outcome[]> {
    this.#takesAll = true;
    this.#pull();
    const all: Outcome[] = [];
    for (let outcome = await this.take(); outcome !== undefined; outcome = await this.take()) all[outcome.index] = outcome;
    return all;
  }

  /** The next outcome, in order or as they come; undefined: there are no more. */
  async take(): Promise<Outcome | undefined> {
    for (;;) {
      const index = this.#options.ordered && !this.#takesAll ? this.#taken : this.#ready.keys().next().value;
      const outcome = index === undefined ? undefined : this.#ready.get(index);
      if (outcome !== undefined) {
        this.#ready.delete(outcome.index);
        this.#taken += 1;
        this.#pull();
        return outcome;
      }
      if (this.#state !== 'pulling' && this.#records.size === 0 && this.#ready.size === 0) return undefined;
      if (this.#change === undefined) this.#change = deferred();
      await this.#change.promise;
    }
  }

  /** The consumer has left early, or is done. */
  async abandon(): Promise<void> {
    if (this.#state === 'pulled' && this.#records.size === 0) return;
    await this.end('cancel', new Error('its iteration was left early'));
  }

  /** Called when the batch is ended by its own cancel, kill or signal. */
  onOwnEnd(tell: () => void): void {
    this.#onOwnEnd = tell;
    if (this.#isOwnEnd) tell();
  }

  async end(how: 'cancel' | 'kill', reason: unknown): Promise<void> {
    const why = reason === undefined ? '' : `: ${reason instanceof Error ? reason.message : String(reason)}`;
    const records = [...this.#records.values()];
    if (this.#state === 'pulling' || records.length > 0) {
      const error = new TaskCancelledError(`batch ${this.id} (${this.#name}) was cancelled${why}`, { reason, forced: how === 'kill' });
      this.#endWith({ reason: error }, how, true, reason);
    }
    await this.#core.waiters.hold(Promise.all(records.map((record) => this.#core.settlement.whenOver(record))));
  }

  listen(listener: (progress: BatchProgress) => void): void {
    this.#listeners.push(listener);
    this.#tellProgress();
  }

  // ---- pulling

  #mayPull(): boolean {
    if (this.#state !== 'pulling') return false;
    const ahead = this.#takesAll ? this.#records.size : this.#pulled - this.#taken;
    return ahead < this.#limit;
  }

  /** Pulls as far ahead as it may. Never more than one of these runs. */
  #pull(): void {
    if (this.#isPulling || !this.#mayPull()) return;
    this.#isPulling = true;
    this.#pullOn(0);
  }

  #pullOn(count: number): void {
    for (let gulp = count; this.#mayPull(); gulp += 1) {
      if (gulp >= GULP) {
        this.#core.clock.afterPoll(() => this.#pullOn(0));
        return;
      }
      if (this.#core.refusal() instanceof QueueFullError) {
        this.#core.waiters.until(() => !(this.#core.refusal() instanceof QueueFullError)).then(() => this.#pullOn(0), ignore);
        return;
      }
      try {
        const next = this.#input.next();
        if (next instanceof Promise) {
          next.then(
            (result) => {
              if (this.#onNext(result)) this.#pullOn(gulp + 1);
            },
            (error) => this.#onInputError(error),
          );
          return;
        }
        if (!this.#onNext(next as IteratorResult<unknown>)) return;
      } catch (error) {
        this.#onInputError(error);
        return;
      }
    }
    this.#isPulling = false;
  }

  /** False: nothing more is to be pulled. */
  #onNext(result: IteratorResult<unknown>): boolean {
    if (this.#state !== 'pulling') return false;
    if (result.done === true) {
      this.#state = 'pulled';
      this.#total = this.#pulled;
      this.#options.task.signal?.removeEventListener('abort', this.#onAbort);
      this.#changed();
      return false;
    }
    this.#submit(this.#pulled++, result.value);
    return this.#state === 'pulling';
  }

  #onInputError(reason: unknown): void {
    if (this.#state !== 'pulling') return;
    if (this.#goesOn) {
      this.#fatal = { reason };
      this.#state = 'pulled';
      this.#total = this.#pulled;
      this.#changed();
    } else this.#endWith({ reason }, 'cancel', false);
  }

  #submit(index: number, item: unknown): void {
    const core = this.#core;
    const refusal = core.refusal();
    if (refusal !== undefined) {
      this.#pulled -= 1;
      this.#endWith({ reason: refusal }, undefined, false);
      return;
    }
    try {
      const work = namedWork(core, this.#name);
      if (work instanceof Error) throw work;
      const encoded = encodeArgs(this.#name, this.#toArgs(item));
      const record = core.submit(
        work.stats,
        false,
        encoded,
        { ...this.#options.task, signal: undefined },
        {
          resolve: (value) => this.#onSettled({ index, status: 'fulfilled', value }),
          reject: (reason) => this.#onSettled({ index, status: 'rejected', reason }),
        },
      );
      if (!record.isSettled) this.#records.set(index, record);
    } catch (reason) {
      this.#onSettled({ index, status: 'rejected', reason });
    }
  }

  #onSettled(outcome: Outcome): void {
    this.#records.delete(outcome.index);
    this.#ready.set(outcome.index, outcome);
    this.#done += 1;
    if (outcome.status === 'rejected') {
      this.#failed += 1;
      if (this.#first === undefined && this.#state !== 'ended') this.#first = { reason: outcome.reason };
      if (!this.#goesOn) this.#endWith(undefined, 'cancel', false);
    }
    this.#changed();
    this.#pull();
  }

  /** Ends what is left: nothing more is pulled, the input is told, what is in flight is ended. */
  #endWith(fatal: { reason: unknown } | undefined, how: 'cancel' | 'kill' | undefined, isOwn: boolean, reason?: unknown): void {
    const wasPulling = this.#state === 'pulling';
    if (this.#state === 'ended' && how !== 'kill') return;
    this.#state = 'ended';
    this.#fatal ??= this.#first === undefined ? fatal : undefined;
    this.#total = this.#pulled;
    this.#options.task.signal?.removeEventListener('abort', this.#onAbort);
    if (wasPulling) this.#returnInput();
    if (isOwn) {
      this.#isOwnEnd = true;
      this.#onOwnEnd?.();
    }
    const why = reason ?? fatal?.reason ?? this.#first?.reason;
    if (how !== undefined) for (const record of [...this.#records.values()]) this.#core.canceller[how](record, why).catch(ignore);
    this.#changed();
  }

  /** It has failed already: what the input says to its end is no news. */
  #returnInput(): void {
    try {
      const answer = this.#input.return?.();
      if (answer instanceof Promise) answer.catch(ignore);
    } catch {
      // as above
    }
  }

  // ---- telling

  #changed(): void {
    const change = this.#change;
    this.#change = undefined;
    change?.resolve();
    this.#tellProgress();
  }

  #tellProgress(): void {
    if (this.#listeners.length === 0) return;
    const isOver = this.#state !== 'pulling' && this.#records.size === 0;
    if (isOver) {
      if (this.#progressTimer !== undefined) this.#core.clock.clearTimer(this.#progressTimer);
      this.#progressTimer = undefined;
      this.#emitProgress();
    } else {
      this.#progressTimer ??= this.#core.clock.setTimer(() => {
        this.#progressTimer = undefined;
        this.#emitProgress();
      }, PROGRESS_MS);
    }
  }

  #emitProgress(): void {
    const { progress } = this;
    for (const listener of this.#listeners) this.#core.events.after(() => guarded('onProgress of a batch', () => listener(progress)));
  }
}
