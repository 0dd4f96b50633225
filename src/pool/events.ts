/**
 * The public events. They are queued during a turn and emitted after its effects are done, so a
 * listener that calls the pool cannot re-enter a decision. The pool itself never listens to them.
 */
import { EventEmitter } from 'eventemitter3';
import type { Clock } from '../shared/doors.js';
import { guarded } from '../shared/program.js';
import type { PoolEvents } from './types.js';

const OF_TASKS = ['taskStarted', 'taskRetried', 'taskSettled'] as const;

type Listener<E extends keyof PoolEvents> = (payload: PoolEvents[E]) => void;

export class Events {
  readonly #emitter = new EventEmitter();
  readonly #clock: Clock;
  readonly #once = new Map<keyof PoolEvents, Map<unknown, unknown>>();
  #queue: (() => void)[] = [];
  /** Somebody listens to what happens with each task. */
  #hearsTasks = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ask before building a payload: nobody pays for events that nobody hears. */
  has(event: (typeof OF_TASKS)[number]): boolean {
    return this.#hearsTasks && this.#emitter.listenerCount(event) > 0;
  }

  emit<E extends keyof PoolEvents>(event: E, payload: PoolEvents[E]): void {
    if (this.#emitter.listenerCount(event) === 0) return;
    // One guard per listener: a throw in one must not starve the later ones.
    this.after(() => {
      for (const listener of this.#emitter.listeners(event)) guarded(`a listener of '${event}'`, () => (listener as Listener<E>)(payload));
    });
  }

  /** Runs a callback of the user's after this turn; what it throws becomes a warning. */
  after(callback: () => void): void {
    if (this.#queue.push(callback) > 1) return;
    this.#clock.soon(() => {
      const queue = this.#queue;
      this.#queue = [];
      for (const run of queue) guarded('a callback', run);
    });
  }

  on<E extends keyof PoolEvents>(event: E, listener: Listener<E>): void {
    this.#emitter.on(event, listener as (payload: unknown) => void);
    this.#listen();
  }
  off<E extends keyof PoolEvents>(event: E, listener: Listener<E>): void {
    const wrapped = this.#once.get(event)?.get(listener);
    this.#once.get(event)?.delete(listener);
    this.#emitter.off(event, (wrapped ?? listener) as (payload: unknown) => void);
    this.#listen();
  }
  once<E extends keyof PoolEvents>(event: E, listener: Listener<E>): void {
    const wrapped = (payload: PoolEvents[E]): void => {
      this.off(event, listener);
      listener(payload);
    };
    let map = this.#once.get(event);
    if (map === undefined) {
      map = new Map();
      this.#once.set(event, map);
    }
    map.set(listener, wrapped);
    this.#emitter.on(event, wrapped as (payload: unknown) => void);
    this.#listen();
  }

  removeAll(): void {
    this.#emitter.removeAllListeners();
    this.#once.clear();
    this.#listen();
  }

  #listen(): void {
    this.#hearsTasks = OF_TASKS.some((event) => this.#emitter.listenerCount(event) > 0);
  }
}
