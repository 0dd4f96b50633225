/**
 * The attempts that are with one worker, by number. Each holds the cell of its number, as in the
 * control file (ipc/control-file-layout.ts), until it is over.
 *
 * The ring skips a number whose cell an older attempt still holds, so an attempt that runs for
 * hours blocks no other.
 */
import { RING, RING_MASK } from '../../ipc/control-file-layout.js';
import type { Lease } from '../task/task-record.js';

export class LeaseRing {
  readonly #cells: (Lease | undefined)[] = [];
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
    return cell?.seq === seq ? cell : undefined;
  }

  /** Frees the cell: the attempt is over. */
  free(seq: number): void {
    this.#cells[seq & RING_MASK] = undefined;
    this.#used -= 1;
  }

  /** The leases with a number above `seq`, oldest first. */
  after(seq: number): Lease[] {
    const found: Lease[] = [];
    for (const cell of this.#cells) if (cell !== undefined && cell.seq > seq) found.push(cell);
    return found.sort((a, b) => a.seq - b.seq);
  }

  clear(): void {
    this.#cells.length = 0;
    this.#used = 0;
  }
}
