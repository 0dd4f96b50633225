/**
 * One listener per AbortSignal, however many tasks share it, because Node warns about the eleventh
 * listener on a signal. The listener goes with the last task that watches the signal.
 */
import { guarded } from '../shared/program.js';
import { isAborted, offAbort, onAbort, reasonOf } from '../shared/signals.js';

export class AbortSignals<T> {
  readonly #watched = new Map<AbortSignal, { members: Set<T>; listener: () => void }>();
  readonly #onAbort: (member: T, reason: unknown) => void;

  constructor(onAbort: (member: T, reason: unknown) => void) {
    this.#onAbort = onAbort;
  }

  /**
   * Calls back once; immediately if the signal has already fired, which code of the program may
   * have caused.
   */
  watch(signal: AbortSignal, member: T): void {
    if (isAborted(signal)) {
      this.#onAbort(member, reasonOf(signal));
      return;
    }
    let entry = this.#watched.get(signal);
    if (entry === undefined) {
      const members = new Set<T>();
      const listener = (): void => {
        this.#watched.delete(signal);
        const reason = reasonOf(signal);
        for (const each of members) guarded('an AbortSignal', () => this.#onAbort(each, reason));
      };
      entry = { members, listener };
      this.#watched.set(signal, entry);
      onAbort(signal, listener);
    }
    entry.members.add(member);
  }

  unwatch(signal: AbortSignal, member: T): void {
    const entry = this.#watched.get(signal);
    if (entry === undefined || !entry.members.delete(member) || entry.members.size > 0) return;
    this.#watched.delete(signal);
    offAbort(signal, entry.listener);
  }
}
