/**
 * Where the outcomes of a batch wait until the consumer takes them: in the order of the items, or
 * of arrival.
 */
import { fulfilled, type Outcome, rejected } from './outcome.js';

const NONE: readonly never[] = [];

/** Takes the outcomes: awaits all of them, or iterates. */
export interface Consumer {
  /** Outcomes have come, or the batch is over. */
  consume(): void;
}

/**
 * The outcomes of neighbouring items that a chunk reported together. One object holds them all,
 * because one for each would cost more than the rest of a short item.
 */
export class OutcomeRange {
  /** The index of the first item. */
  readonly index: number;
  readonly length: number;
  readonly #attempts: number;
  /** From `#from` on; undefined: every value is undefined. */
  readonly #values: unknown[] | undefined;
  readonly #from: number;
  /** Of failed items, by their place in `#values`. */
  readonly #reasons: ReadonlyMap<number, unknown> | undefined;

  constructor(
    index: number,
    length: number,
    attempts: number,
    values: unknown[] | undefined,
    from: number,
    reasons: ReadonlyMap<number, unknown> | undefined,
  ) {
    this.index = index;
    this.length = length;
    this.#attempts = attempts;
    this.#values = values;
    this.#from = from;
    this.#reasons = reasons;
  }

  /** In the order of the items. */
  get failures(): readonly { readonly index: number; readonly reason: unknown }[] {
    if (this.#reasons === undefined) return NONE;
    const failures: { index: number; reason: unknown }[] = [];
    for (let offset = 0; offset < this.length; offset += 1) {
      if (this.hasFailed(offset)) failures.push({ index: this.index + offset, reason: this.#reasons.get(this.#from + offset) });
    }
    return failures;
  }

  hasFailed(offset: number): boolean {
    return this.#reasons?.has(this.#from + offset) === true;
  }

  /** Returns the value of an item that has not failed, and releases it (G12). */
  takeValue(offset: number): unknown {
    if (this.#values === undefined) return undefined;
    const place = this.#from + offset;
    const value = this.#values[place];
    this.#values[place] = undefined;
    return value;
  }

  take(offset: number): Outcome {
    const index = this.index + offset;
    return this.hasFailed(offset)
      ? rejected(index, this.#reasons?.get(this.#from + offset), this.#attempts)
      : fulfilled(index, this.takeValue(offset), this.#attempts);
  }
}

export class OutcomeBuffer {
  readonly #isOrdered: boolean;
  /** By the index of the first item; if unordered, by the number of arrival. */
  readonly #held = new Map<number, Outcome | OutcomeRange>();
  #arrived = 0;
  #head = 0;
  /** The number of outcomes taken from the piece at the head. */
  #taken = 0;
  /** The piece at the head, once it was looked up. */
  #piece: Outcome | OutcomeRange | undefined;
  #isOpen = true;

  constructor(isOrdered: boolean) {
    this.#isOrdered = isOrdered;
  }

  put(piece: Outcome | OutcomeRange): void {
    if (this.#isOpen) this.#held.set(this.#isOrdered ? piece.index : this.#arrived++, piece);
  }

  /** The status of the next outcome; undefined: it has not come. */
  get next(): 'fulfilled' | 'rejected' | undefined {
    const piece = this.#piece ?? this.#findHead();
    if (piece === undefined) return undefined;
    if (!(piece instanceof OutcomeRange)) return piece.status;
    return piece.hasFailed(this.#taken) ? 'rejected' : 'fulfilled';
  }

  #findHead(): Outcome | OutcomeRange | undefined {
    this.#piece = this.#held.get(this.#head);
    return this.#piece;
  }

  /** Called only if `next` is 'fulfilled'. */
  takeValue(): unknown {
    const piece = this.#piece as Outcome | OutcomeRange;
    const value = piece instanceof OutcomeRange ? piece.takeValue(this.#taken) : (piece as { value?: unknown }).value;
    this.#advance(piece);
    return value;
  }

  /** Called only if there is a `next`. */
  take(): Outcome {
    const piece = this.#piece as Outcome | OutcomeRange;
    const outcome = piece instanceof OutcomeRange ? piece.take(this.#taken) : piece;
    this.#advance(piece);
    return outcome;
  }

  #advance(piece: Outcome | OutcomeRange): void {
    this.#taken += 1;
    const length = piece instanceof OutcomeRange ? piece.length : 1;
    if (this.#taken < length) return;
    this.#held.delete(this.#head);
    this.#head += this.#isOrdered ? length : 1;
    this.#taken = 0;
    this.#piece = undefined;
  }

  /** Returns all that has come, in any order, to a consumer that never takes single outcomes. */
  takeAll(): (Outcome | OutcomeRange)[] {
    const all = [...this.#held.values()];
    this.#held.clear();
    return all;
  }

  /** Nobody takes any more: later outcomes are dropped. */
  close(): void {
    this.#isOpen = false;
    this.#held.clear();
    this.#piece = undefined;
  }
}
