/** One listener per AbortSignal, however many tasks share it: eleven listeners on one signal make Node warn. */
export class AbortSignals<T> {
  readonly #watched = new Map<AbortSignal, { members: Set<T>; listener: () => void }>();
  readonly #onAbort: (member: T, reason: unknown) => void;

  constructor(onAbort: (member: T, reason: unknown) => void) {
    this.#onAbort = onAbort;
  }

  watch(signal: AbortSignal, member: T): void {
    let entry = this.#watched.get(signal);
    if (entry === undefined) {
      const members = new Set<T>();
      const listener = (): void => {
        this.#watched.delete(signal);
        for (const each of members) this.#onAbort(each, signal.reason);
      };
      entry = { members, listener };
      this.#watched.set(signal, entry);
      signal.addEventListener('abort', listener, { once: true });
    }
    entry.members.add(member);
  }

  unwatch(signal: AbortSignal, member: T): void {
    const entry = this.#watched.get(signal);
    if (entry === undefined || !entry.members.delete(member) || entry.members.size > 0) return;
    this.#watched.delete(signal);
    signal.removeEventListener('abort', entry.listener);
  }
}
