/**
 * Which attempt the calling code belongs to.
 *
 * AsyncLocalStorage knows, but costs on Node 20 with every promise, so it is used only once somebody may
 * ask: from the import of `everpool/worker` on. An attempt that began before that is found when
 * it is the only such one.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Attempt } from './attempt.js';
import type { TaskFunction } from './platform.js';

const { apply } = Reflect;

export class CurrentAttempt {
  #storage: AsyncLocalStorage<Attempt> | undefined;
  #innermost: Attempt | undefined; // its synchronous part is on the stack

  track(): void {
    this.#storage ??= new AsyncLocalStorage();
  }

  /** Somebody may ask. */
  get isTracking(): boolean {
    return this.#storage !== undefined;
  }

  /** Calls the function as part of the attempt. */
  run(attempt: Attempt, fn: TaskFunction, args: unknown[]): unknown {
    this.#innermost = attempt;
    try {
      if (this.#storage === undefined) return apply(fn, undefined, args);
      attempt.isTracked = true;
      return this.#storage.run(attempt, apply, fn, undefined, args);
    } finally {
      this.#innermost = undefined;
    }
  }

  /** Calls what belongs to an attempt that runs already: the listeners of its signal, what its value does when it is looked at. */
  within<T>(attempt: Attempt, call: () => T): T {
    const outer = this.#innermost;
    this.#innermost = attempt;
    try {
      return this.#storage === undefined ? call() : this.#storage.run(attempt, call);
    } finally {
      this.#innermost = outer;
    }
  }

  /** @param running the attempts that have returned a promise and are not settled */
  find(running: Iterable<Attempt>): Attempt | undefined {
    const stored = this.#storage?.getStore();
    if (stored !== undefined) return stored;
    if (this.#innermost !== undefined) return this.#innermost;
    let only: Attempt | undefined;
    for (const attempt of running) {
      if (attempt.isTracked) continue;
      if (only !== undefined) return undefined;
      only = attempt;
    }
    return only;
  }
}
