/** Where the outcomes of a batch wait until they are taken: by the index of their item, or as they came. */
import { fulfilled, type Outcome, rejected } from './outcome.js';

const NONE: readonly never[] = [];

/**
 * The outcomes of neighbouring items that were told together: one object for all of them, as one for each would cost more than
 * the rest of a short item. An outcome of its own is made for whoever asks for outcomes.
 */
export class OutcomeRange {
  /** Of the first one. */
  readonly index: number;
  readonly length: number;
  readonly #attempts: number;
  /** From `#from` on; undefined: no item gave anything. */
  readonly #values: unknown[] | undefined;
  readonly #from: number;
  /** By place in `#values`. */
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

  /** What the failed ones failed with, in order. */
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

  /** Of one that has not failed. It is let go (G12). */
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
  /** By the index of the first item; if unordered, by when they came. */
  readonly #held = new Map<number, Outcome | OutcomeRange>();
  #arrived = 0;
  #head = 0;
  /** Of the piece at the head, so many have been taken. */
  #taken = 0;
  /** The piece at the head, where it is known. */
  #piece: Outcome | OutcomeRange | undefined;
  #isOpen = true;

  constructor(isOrdered: boolean) {
    this.#isOrdered = isOrdered;
  }

  put(piece: Outcome | OutcomeRange): void {
    if (this.#isOpen) this.#held.set(this.#isOrdered ? piece.index : this.#arrived++, piece);
  }

  /** How the next one ended; undefined: it is not there. */
  get next(): 'fulfilled' | 'rejected' | undefined {
    const piece = this.#piece ?? this.#lookUp();
    if (piece === undefined) return undefined;
    if (!(piece instanceof OutcomeRange)) return piece.status;
    return piece.hasFailed(this.#taken) ? 'rejected' : 'fulfilled';
  }

  #lookUp(): Outcome | OutcomeRange | undefined {
    this.#piece = this.#held.get(this.#head);
    return this.#piece;
  }

  /** Of the next one, which is there and has not failed. */
  takeValue(): unknown {
    const piece = this.#piece as Outcome | OutcomeRange;
    const value = piece instanceof OutcomeRange ? piece.takeValue(this.#taken) : (piece as { value?: unknown }).value;
    this.#advance(piece);
    return value;
  }

  /** The next one, which is there. */
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

  /** Everything that is there, in any order; for those who take nothing one by one. */
  takeAll(): (Outcome | OutcomeRange)[] {
    const all = [...this.#held.values()];
    this.#held.clear();
    return all;
  }

  /** Nobody will take any more. */
  close(): void {
    this.#isOpen = false;
    this.#held.clear();
    this.#piece = undefined;
  }
}
