/**
 * Finds the attempt that the calling code belongs to.
 *
 * AsyncLocalStorage knows, but on Node 20 it costs time with every promise. So it is used only from
 * the import of `everpool/worker` on, when a task may ask for its context. An attempt that began
 * before is found if it is the only such one.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Attempt } from './attempt.js';
import type { TaskFunction } from './platform.js';

const { apply } = Reflect;

export class CurrentAttempt {
  #storage: AsyncLocalStorage<Attempt> | undefined;
  #innermost: Attempt | undefined; // has its synchronous part on the stack

  track(): void {
    this.#storage ??= new AsyncLocalStorage();
  }

  /** A task may ask for its context. */
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

  /**
   * Calls code of an attempt that already runs: the listeners of its signal, the getters of its
   * result.
   */
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
