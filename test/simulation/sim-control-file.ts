/**
 * A worker's control file in memory: the parent and the worker read and write it as the files that
 * they share.
 */
import type { AbortKind, ControlFile } from '../../src/shared/platform.js';
import type { WorkerControlFile } from '../../src/worker/platform.js';

/** Short, so that every run comes there. */
const LONG = 40;

export class SimControlFile implements ControlFile, WorkerControlFile {
  /** Written, and taken by nobody. */
  #offers: number[] = [];
  #pending: number[] = [];
  #written = 0; // since the last recall
  /** Task code took a part of the next offer. */
  #isCut = false;
  readonly #aborts = new Map<number, AbortKind>();
  readonly #items = new Map<number, number>();
  readonly #race: () => void;
  readonly #isVisible: () => boolean;

  /**
   * @param race lets the worker run on in the middle of an act of the parent
   * @param isVisible whether the parent sees the position in the file
   */
  constructor(race: () => void, isVisible: () => boolean) {
    this.#race = race;
    this.#isVisible = isVisible;
  }

  // ---- the parent's side

  get isLong(): boolean {
    return this.#written > LONG;
  }
  offer(seq: number): void {
    this.#pending.push(seq);
  }
  commit(): boolean {
    if (this.#pending.length > 0) this.#race();
    this.#offers.push(...this.#pending);
    this.#written += this.#pending.length;
    if (this.#pending.length > 0) this.#race(); // before the frames
    this.#pending = [];
    return true;
  }
  unclaimed(): number | undefined {
    this.#race();
    return this.#isVisible() ? this.#first : undefined;
  }
  recall(): number {
    this.#race();
    const first = this.#first;
    this.#offers = [];
    this.#pending = [];
    this.#written = 0;
    this.#isCut = false;
    return first;
  }
  abort(seq: number, kind: AbortKind): void {
    this.#aborts.set(seq, kind);
  }

  expectItems(seq: number): void {
    this.#items.set(seq, 0);
  }
  startedItems(seq: number): number {
    return this.#items.get(seq) ?? Number.NaN;
  }

  get #first(): number {
    return this.#offers[this.#isCut ? 1 : 0] ?? this.#pending[0] ?? Number.POSITIVE_INFINITY;
  }

  // ---- the worker's side

  claim(): number {
    const seq = this.#offers.shift() ?? 0;
    if (!this.#isCut) return seq;
    this.#isCut = this.#offers.length > 0;
    return Number.NaN;
  }
  startItems(seq: number, count: number): void {
    this.#items.set(seq, count);
  }
  abortKind(seq: number): AbortKind | undefined {
    return this.#aborts.get(seq);
  }

  /** Read by task code. Returns the offers of which it took at least a part. */
  steal(count: number, isCut: boolean): number[] {
    const stolen = this.#offers.splice(0, count);
    if (isCut && this.#offers.length > 0) {
      this.#isCut = true;
      stolen.push(this.#offers[0] as number);
    }
    return stolen;
  }
}
