/**
 * The attempts that are with one worker, by number: each has the cell of its number (ipc/control-file-layout.ts) until it is answered, or dropped.
 *
 * A number whose cell an older attempt still has is left out. So one that runs for hours stops no other.
 */
import { RING, RING_MASK } from '../../ipc/control-file-layout.js';
import type { Lease } from '../task/task-record.js';

export class LeaseRing {
  /** The number alone stands for an attempt that was taken back, until the worker has dropped it. */
  readonly #cells: (Lease | number | undefined)[] = [];
  #used = 0;
  #last = 0;

  /** The number of the newest attempt. */
  get last(): number {
    return this.#last;
  }
  get isFull(): boolean {
    return this.#used === RING;
  }

  /** A number for the next attempt; not if it is full. */
  next(): number {
    let seq = this.#last + 1;
    while (this.#cells[seq & RING_MASK] !== undefined) seq += 1;
    this.#last = seq;
    this.#used += 1;
    return seq;
  }

  put(seq: number, lease: Lease): void {
    this.#cells[seq & RING_MASK] = lease;
  }

  at(seq: number): Lease | undefined {
    const cell = this.#cells[seq & RING_MASK];
    return typeof cell === 'object' && cell.seq === seq ? cell : undefined;
  }

  /** It was taken back, and the worker has not dropped it yet. */
  isTakenBack(seq: number): boolean {
    return this.#cells[seq & RING_MASK] === seq;
  }

  /** The worker is done with it. */
  free(seq: number): void {
    this.#cells[seq & RING_MASK] = undefined;
    this.#used -= 1;
  }

  /** In place of the lease, which was freed. */
  takeBack(seq: number): void {
    this.#cells[seq & RING_MASK] = seq;
    this.#used += 1;
  }

  /** Those after `seq`, oldest first. */
  after(seq: number): Lease[] {
    const found: Lease[] = [];
    for (const cell of this.#cells) if (typeof cell === 'object' && cell.seq > seq) found.push(cell);
    return found.sort((a, b) => a.seq - b.seq);
  }

  clear(): void {
    this.#cells.length = 0;
    this.#used = 0;
  }
}
