/** Where the outcomes of a batch wait until they are taken: by the index of their item, or as they came. */
export type Outcome = { index: number } & PromiseSettledResult<unknown>;

export class Outlet {
  readonly #isOrdered: boolean;
  readonly #held = new Map<number, Outcome>();
  #arrived = 0;
  #head = 0;
  #isOpen = true;

  constructor(isOrdered: boolean) {
    this.#isOrdered = isOrdered;
  }

  put(outcome: Outcome): void {
    if (this.#isOpen) this.#held.set(this.#isOrdered ? outcome.index : this.#arrived++, outcome);
  }

  /** The next one, if it is there. */
  peek(): Outcome | undefined {
    return this.#held.get(this.#head);
  }

  take(): Outcome | undefined {
    const outcome = this.#held.get(this.#head);
    if (outcome !== undefined) this.#held.delete(this.#head++);
    return outcome;
  }

  /** Everything that is there, in any order. */
  takeAll(): Outcome[] {
    const all = [...this.#held.values()];
    this.#held.clear();
    return all;
  }

  /** Nobody will take any more. */
  close(): void {
    this.#isOpen = false;
    this.#held.clear();
  }
}
