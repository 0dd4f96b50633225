/**
 * The public events. They are queued during a turn and emitted once its effects are complete, so a
 * listener that calls the pool cannot re-enter a decision. The pool itself never listens to them.
 */
import { EventEmitter } from 'eventemitter3';
import { invalid } from '../shared/check.js';
import type { Clock } from '../shared/platform.js';
import { guarded, inContext } from '../shared/program.js';
import type { PoolEvents } from './types.js';

/** Every event, and its subject. A task has several, so their payloads are built on demand. */
const SUBJECTS: Record<keyof PoolEvents, 'task' | 'worker' | 'pool'> = {
  workerSpawned: 'worker',
  workerReady: 'worker',
  workerDied: 'worker',
  workerRecycled: 'worker',
  taskStarted: 'task',
  taskRetried: 'task',
  taskSettled: 'task',
  broken: 'pool',
  recovered: 'pool',
  closed: 'pool',
  stdout: 'worker',
  stderr: 'worker',
};
const NAMES = Object.keys(SUBJECTS) as (keyof PoolEvents)[];
const OF_TASKS: readonly (keyof PoolEvents)[] = NAMES.filter((name) => SUBJECTS[name] === 'task');

type Listener<E extends keyof PoolEvents> = (payload: PoolEvents[E]) => unknown;

/** A listener bound to the async context in which it was added. */
interface Call {
  (payload: unknown): unknown;
  readonly listener: unknown;
}

export class Events {
  readonly #emitter = new EventEmitter();
  readonly #clock: Clock;
  #queue: (() => unknown)[] = [];
  /** True if any event about single tasks has a listener. */
  #hearsTasks = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ask before you build a payload: events without a listener cost nothing. */
  has(event: keyof PoolEvents): boolean {
    return this.#hearsTasks && this.#emitter.listenerCount(event) > 0;
  }

  emit<E extends keyof PoolEvents>(event: E, payload: PoolEvents[E]): void {
    if (this.#emitter.listenerCount(event) === 0) return;
    // Each listener is called on its own: one that throws must not stop the later ones.
    this.after(() => {
      for (const call of this.#calls(event)) guarded(`a listener of '${event}'`, () => call(payload));
    });
  }

  /** Runs a callback of the user after this turn; an error that it throws becomes a warning. */
  after(callback: () => unknown): void {
    if (this.#queue.push(callback) > 1) return;
    this.#clock.soon(() => {
      const queue = this.#queue;
      this.#queue = [];
      for (const run of queue) guarded('a callback', run);
    });
  }

  /** @throws OptionsError for an unknown event, or a listener that is not a function */
  on<E extends keyof PoolEvents>(event: E, listener: Listener<E>): void {
    check(event, listener);
    this.#add(event, listener, inContext(listener));
  }
  /** @throws OptionsError as `on` */
  once<E extends keyof PoolEvents>(event: E, listener: Listener<E>): void {
    check(event, listener);
    const inner = inContext(listener);
    const call = this.#add<E>(event, listener, (payload) => {
      this.#remove(event, call);
      return inner(payload);
    });
  }
  /** @throws OptionsError as `on` */
  off<E extends keyof PoolEvents>(event: E, listener: Listener<E>): void {
    check(event, listener);
    for (const call of this.#calls(event)) if (call.listener === listener) this.#remove(event, call);
  }

  #add<E extends keyof PoolEvents>(event: E, listener: Listener<E>, run: Listener<E>): Call {
    const call: Call = Object.assign(run as (payload: unknown) => unknown, { listener });
    this.#emitter.on(event, call);
    this.#listen();
    return call;
  }

  #remove(event: keyof PoolEvents, call: Call): void {
    this.#emitter.off(event, call);
    this.#listen();
  }

  #calls(event: keyof PoolEvents): Call[] {
    return this.#emitter.listeners(event) as Call[];
  }

  #listen(): void {
    this.#hearsTasks = OF_TASKS.some((event) => this.#emitter.listenerCount(event) > 0);
  }
}

function check(event: unknown, listener: unknown): void {
  if (typeof event !== 'string' || !NAMES.includes(event as keyof PoolEvents)) throw invalid('event', `one of ${NAMES.join(', ')}`, event);
  if (typeof listener !== 'function') throw invalid('listener', 'a function', listener);
}
