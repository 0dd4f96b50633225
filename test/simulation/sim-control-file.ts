/**
 * A worker's control file in memory: the parent and the worker read and write it as the file that
 * they share.
 */
import type { AbortKind, ControlFile } from '../../src/shared/platform.js';
import type { WorkerControlFile } from '../../src/worker/platform.js';

export class SimControlFile implements ControlFile, WorkerControlFile {
  #started = 0;
  /** The last number that the parent has read. */
  lastRead = 0;
  readonly #revoked = new Set<number>();
  readonly #aborts = new Map<number, AbortKind>();
  readonly #items = new Map<number, number>();
  readonly #race: () => void;

  /** @param race lets the worker run on in the middle of an act of the parent */
  constructor(race: () => void) {
    this.#race = race;
  }

  // ---- the parent's side

  started(): number {
    this.#race();
    this.lastRead = this.#started;
    return this.#started;
  }
  revoke(first: number, last: number): void {
    this.#race();
    for (let seq = first; seq <= last; seq++) this.#revoked.add(seq);
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

  // ---- the worker's side

  start(seq: number): void {
    this.#started = seq;
  }
  startItems(seq: number, count: number): void {
    this.#items.set(seq, count);
  }
  isRevoked(seq: number): boolean {
    return this.#revoked.has(seq);
  }
  abortKind(seq: number): AbortKind | undefined {
    return this.#aborts.get(seq);
  }

  /**
   * Written by task code: a number with its confirmation, or NaN for bytes that confirm nothing.
   */
  overwrite(started: number): void {
    this.#started = started;
  }
}
