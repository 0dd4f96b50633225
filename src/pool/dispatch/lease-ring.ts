/**
 * The attempts that are with one worker, by number. Each holds the cell of its number, as in the
 * control file (ipc/control-file-layout.ts), until the worker has answered or dropped it.
 *
 * The ring skips a number whose cell an older attempt still holds, so an attempt that runs for
 * hours blocks no other.
 */
import { RING, RING_MASK } from '../../ipc/control-file-layout.js';
import type { Lease } from '../task/task-record.js';

export class LeaseRing {
  /** A bare number is an attempt that was taken back and that the worker has not dropped yet. */
  readonly #cells: (Lease | number | undefined)[] = [];
  #used = 0;
  /** The number of the newest attempt. Only `next` changes it. */
  last = 0;

  get isFull(): boolean {
    return this.#used === RING;
  }

  /** Returns a number for the next attempt. Not for a full ring. */
  next(): number {
    let seq = this.last + 1;
    while (this.#cells[seq & RING_MASK] !== undefined) seq += 1;
    this.last = seq;
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

  /** True if it was taken back and the worker has not dropped it yet. */
  isTakenBack(seq: number): boolean {
    return this.#cells[seq & RING_MASK] === seq;
  }

  /** Frees the cell: the worker has answered or dropped the attempt. */
  free(seq: number): void {
    this.#cells[seq & RING_MASK] = undefined;
    this.#used -= 1;
  }

  /** Keeps the cell occupied by the number, after `free` has removed the lease. */
  takeBack(seq: number): void {
    this.#cells[seq & RING_MASK] = seq;
    this.#used += 1;
  }

  /** The leases with a number above `seq`, oldest first. */
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
