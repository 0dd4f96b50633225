/**
 * The public events. They are queued during a turn and emitted after its effects are done, so a
 * listener that calls the pool cannot re-enter a decision. The pool itself never listens to them.
 */
import { EventEmitter } from 'eventemitter3';
import { invalid } from '../shared/check.js';
import type { Clock } from '../shared/platform.js';
import { guarded, inContext } from '../shared/program.js';
import type { PoolEvents } from './types.js';

const OF_TASKS = ['taskStarted', 'taskRetried', 'taskSettled'] as const;
const NAMES: readonly string[] = [
  'workerSpawned',
  'workerReady',
  'workerDied',
  'workerRecycled',
  ...OF_TASKS,
  'broken',
  'recovered',
  'closed',
  'stdout',
  'stderr',
] satisfies (keyof PoolEvents)[];

type Listener<E extends keyof PoolEvents> = (payload: PoolEvents[E]) => unknown;

/** A listener as it is called: in the async context in which it was added. */
interface Call {
  (payload: unknown): unknown;
  readonly listener: unknown;
}

export class Events {
  readonly #emitter = new EventEmitter();
  readonly #clock: Clock;
  #queue: (() => unknown)[] = [];
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
      for (const call of this.#calls(event)) guarded(`a listener of '${event}'`, () => call(payload));
    });
  }

  /** Runs a callback of the user's after this turn; what it throws becomes a warning. */
  after(callback: () => unknown): void {
    if (this.#queue.push(callback) > 1) return;
    this.#clock.soon(() => {
      const queue = this.#queue;
      this.#queue = [];
      for (const run of queue) guarded('a callback', run);
    });
  }

  /** @throws OptionsError for a name that is no event, or a listener that is no function */
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
  if (typeof event !== 'string' || !NAMES.includes(event)) throw invalid('event', `one of ${NAMES.join(', ')}`, event);
  if (typeof listener !== 'function') throw invalid('listener', 'a function', listener);
}
