/** How one item of a batch ended. */
export type Outcome = { readonly index: number; readonly attempts: number; readonly ms: number } & PromiseSettledResult<unknown>;

/**
 * `attempts` and `ms` are getters, so that an outcome equals a plain `{ index, status, value }`.
 */
abstract class Settled {
  readonly index: number;
  readonly #attempts: number;
  readonly #ms: number;

  constructor(index: number, attempts: number, ms: number) {
    this.index = index;
    this.#attempts = attempts;
    this.#ms = ms;
  }
  /** The number of started attempts. */
  get attempts(): number {
    return this.#attempts;
  }
  /** Milliseconds of the last attempt. */
  get ms(): number {
    return this.#ms;
  }
}

class Fulfilled extends Settled {
  readonly status = 'fulfilled';
  readonly value: unknown;

  constructor(index: number, value: unknown, attempts: number, ms: number) {
    super(index, attempts, ms);
    this.value = value;
  }
}

class Rejected extends Settled {
  readonly status = 'rejected';
  readonly reason: unknown;

  constructor(index: number, reason: unknown, attempts: number, ms: number) {
    super(index, attempts, ms);
    this.reason = reason;
  }
}

export function fulfilled(index: number, value: unknown, attempts = 0, ms = 0): Outcome {
  return new Fulfilled(index, value, attempts, ms);
}

export function rejected(index: number, reason: unknown, attempts = 0, ms = 0): Outcome {
  return new Rejected(index, reason, attempts, ms);
}
