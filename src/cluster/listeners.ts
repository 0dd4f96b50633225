/**
 * The listeners of a host or of a client. They are called after the turn in which the event
 * happened, each on its own: one that throws stops neither the others nor the cluster.
 */
import { invalid } from '../shared/check.js';
import type { Clock } from '../shared/platform.js';
import { guarded, inContext } from '../shared/program.js';

type Listener = (payload: never) => unknown;

interface Entry {
  readonly listener: Listener;
  readonly call: (payload: unknown) => unknown;
}

export class Listeners<Events extends object> {
  readonly #clock: Clock;
  readonly #entries: Record<string, readonly Entry[]>;

  constructor(clock: Clock, names: readonly (keyof Events & string)[]) {
    this.#clock = clock;
    this.#entries = Object.create(null) as Record<string, readonly Entry[]>;
    for (const name of names) this.#entries[name] = [];
  }

  /** Ask before you build a payload. */
  has(event: keyof Events & string): boolean {
    return this.#of(event).length > 0;
  }

  emit<E extends keyof Events & string>(event: E, payload: Events[E]): void {
    if (!this.has(event)) return;
    this.after(() => {
      for (const { call } of this.#of(event)) guarded(`a listener of '${event}'`, () => call(payload));
    });
  }

  /** Runs a callback of the program after this turn; an error that it throws becomes a warning. */
  after(callback: () => unknown): void {
    this.#clock.soon(() => guarded('a callback', callback));
  }

  /** @throws OptionsError for an unknown event, or a listener that is not a function */
  on<E extends keyof Events & string>(event: E, listener: (payload: Events[E]) => unknown): void {
    const entries = this.#checked(event, listener);
    const call = inContext(listener as (payload: unknown) => unknown);
    this.#entries[event] = [...entries, { listener: listener as Listener, call }];
  }

  /** @throws OptionsError as `on` */
  off<E extends keyof Events & string>(event: E, listener: (payload: Events[E]) => unknown): void {
    this.#entries[event] = this.#checked(event, listener).filter((entry) => entry.listener !== listener);
  }

  #of(event: string): readonly Entry[] {
    return this.#entries[event] ?? [];
  }

  #checked(event: unknown, listener: unknown): readonly Entry[] {
    const entries = typeof event === 'string' ? this.#entries[event] : undefined;
    if (entries === undefined) throw invalid('event', `one of ${Object.keys(this.#entries).join(', ')}`, event);
    if (typeof listener !== 'function') throw invalid('listener', 'a function', listener);
    return entries;
  }
}
