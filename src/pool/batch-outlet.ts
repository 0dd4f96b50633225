/** Where the outcomes of a batch wait until they are taken: by the index of their item, or as they came. */
export type Outcome = { index: number; readonly attempts: number; readonly ms: number } & PromiseSettledResult<unknown>;

/** Getters, so that an outcome still equals the plain `{ index, status, value }` that it is. */
class Settled {
  readonly index: number;
  readonly status: 'fulfilled' | 'rejected';
  readonly #attempts: number;
  readonly #ms: number;

  constructor(index: number, status: 'fulfilled' | 'rejected', attempts: number, ms: number) {
    this.index = index;
    this.status = status;
    this.#attempts = attempts;
    this.#ms = ms;
  }
  /** Started attempts. */
  get attempts(): number {
    return this.#attempts;
  }
  /** Of the last one. */
  get ms(): number {
    return this.#ms;
  }
}

export function fulfilled(index: number, value: unknown, attempts = 0, ms = 0): Outcome {
  return Object.assign(new Settled(index, 'fulfilled', attempts, ms), { value }) as unknown as Outcome;
}

export function rejected(index: number, reason: unknown, attempts = 0, ms = 0): Outcome {
  return Object.assign(new Settled(index, 'rejected', attempts, ms), { reason }) as unknown as Outcome;
}

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
