/**
 * The offers of a worker's control file (`ControlFile` in platform.ts): numbers, one after the
 * other, in a file that only the parent can write.
 *
 * The worker inherits the descriptor from which the parent recalls, and with it its position. A
 * read without a position takes the next bytes and moves the position, in one step of the system:
 * so each offer is taken once, by the worker or by the parent.
 *
 * Owns two descriptors, and a third once `unclaimed` was called, from construction until `close`.
 * Only the constructor throws.
 */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { CELL_BYTES, RING } from '../../ipc/control-file-layout.js';
import { createUnlinked } from './unlinked-file.js';

/** No more are ever open: at most a ring of attempts is with a worker. */
const MOST = RING;
const MASK: number = MOST - 1;
/** How much of the file may have been taken before its memory is freed. */
const LONG_BYTES: number = 64 * 1024;
const [ZERO, NINE] = [48, 57];

/** Shared, because no use outlasts its call. */
const taken: Float64Array = new Float64Array(MOST + 1);
const text: Uint8Array = new Uint8Array(256);

export class OfferFile {
  readonly #fd: number;
  /** The worker inherits this descriptor. */
  readonly readFd: number;
  #infoFd: number | undefined;
  #isClosed = false;
  /** The last numbers that were written, by their place in the file. */
  readonly #written: Float64Array = new Float64Array(MOST);
  #end = 0; // of the file, in bytes
  #freedUpTo = 0;
  /** Offered, and not written yet. */
  readonly #pending: Float64Array = new Float64Array(MOST);
  #pendingCount = 0;
  #last = Number.NaN; // what `unclaimed` returns after `close`

  constructor() {
    const { fd, readFd } = createUnlinked(true);
    this.#fd = fd;
    this.readFd = readFd as number;
  }

  /** The file has grown so long that a recall, which frees its memory, is due. */
  get isLong(): boolean {
    return this.#end - this.#freedUpTo >= LONG_BYTES;
  }

  offer(seq: number): void {
    this.#pending[this.#pendingCount++] = seq;
  }

  commit(): boolean {
    const count = this.#pendingCount;
    if (count === 0) return true;
    const written = this.#write(count);
    const at = this.#end / CELL_BYTES;
    for (let index = 0; index < written; index += 1) this.#written[(at + index) & MASK] = this.#pending[index] as number;
    this.#end += written * CELL_BYTES;
    this.#pendingCount = count - written;
    if (written < count) this.#pending.copyWithin(0, written, count);
    return written === count;
  }

  unclaimed(): number | undefined {
    if (this.#isClosed) return this.#last;
    const position = this.#position();
    return position === undefined ? undefined : this.#from(Math.ceil(position / CELL_BYTES));
  }

  recall(): number {
    if (this.#isClosed) return this.#last;
    let bytes: number;
    try {
      bytes = readSync(this.readFd, taken, 0, taken.length * CELL_BYTES, null);
      if (this.isLong) this.#free();
    } catch {
      return Number.NaN; // the program has closed the descriptor
    }
    const first = bytes > MOST * CELL_BYTES ? Number.NaN : this.#from(this.#end / CELL_BYTES - Math.floor(bytes / CELL_BYTES));
    this.#pendingCount = 0;
    return first;
  }

  /** `unclaimed()` keeps returning the last value. */
  close(): void {
    if (this.#isClosed) return;
    this.#last = this.recall();
    this.#isClosed = true;
    for (const fd of [this.#fd, this.readFd, this.#infoFd]) {
      try {
        if (fd !== undefined) closeSync(fd);
      } catch {
        // The program has closed it already.
      }
    }
  }

  /** The first number from this place in the file on. */
  #from(place: number): number {
    if (place < this.#end / CELL_BYTES) return this.#written[place & MASK] as number;
    return this.#pendingCount > 0 ? (this.#pending[0] as number) : Number.POSITIVE_INFINITY;
  }

  /** Returns the number of offers written; a full file system takes some, or none. */
  #write(count: number): number {
    if (this.#isClosed) return count;
    try {
      return Math.floor(writeSync(this.#fd, this.#pending, 0, count * CELL_BYTES, this.#end) / CELL_BYTES);
    } catch {
      return 0;
    }
  }

  /** Nothing is open, so nothing before the end will be read again. Later writes leave a hole. */
  #free(): void {
    ftruncateSync(this.#fd, 0);
    this.#freedUpTo = this.#end;
  }

  /** The position up to which offers are taken, where the system shows it (Linux). */
  #position(): number | undefined {
    if (process.platform !== 'linux') return undefined;
    try {
      this.#infoFd ??= openSync(`/proc/self/fdinfo/${this.readFd}`, 'r');
      // "pos:	123"
      const length = readSync(this.#infoFd, text, 0, text.length, 0);
      let at = 0;
      while (at < length && ((text[at] as number) < ZERO || (text[at] as number) > NINE)) at += 1;
      let position = 0;
      for (; at < length && (text[at] as number) >= ZERO && (text[at] as number) <= NINE; at += 1)
        position = 10 * position + (text[at] as number) - ZERO;
      return position <= this.#end ? position : Number.NaN;
    } catch {
      return undefined; // there is no /proc, or no descriptor is free (EMFILE)
    }
  }
}
