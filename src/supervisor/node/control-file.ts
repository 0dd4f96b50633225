/**
 * The parent's side of a worker's control file (`ControlFile` in platform.ts): the offers
 * (offer-file.ts), and the cells of the attempts. The layout is in ipc/control-file-layout.ts.
 *
 * Owns the descriptors, from construction until `close`. Only the constructor throws.
 */
import { closeSync, readSync, writeSync } from 'node:fs';
import {
  abortCell,
  abortCellAt,
  CELL_BYTES,
  CONTROL_FILE_BYTES,
  FRESH_CELL,
  itemsCell,
  itemsCellAt,
  itemsIn,
} from '../../ipc/control-file-layout.js';
import type { AbortKind, ControlFile } from '../../shared/platform.js';
import { OfferFile } from './offer-file.js';
import { createUnlinked } from './unlinked-file.js';

const CLOSED = -1;
const FRESH: Float64Array = new Float64Array(CONTROL_FILE_BYTES / CELL_BYTES).fill(FRESH_CELL);
/** Shared, because no use outlasts its call. */
const cell: Float64Array = new Float64Array(1);

export class UnlinkedControlFile implements ControlFile {
  readonly #offers: OfferFile;
  #fd: number;

  /** @throws the system error if no file can be created (EMFILE, ENOSPC, EACCES) */
  constructor() {
    this.#offers = new OfferFile();
    try {
      this.#fd = createUnlinked(false, fill).fd;
    } catch (error) {
      this.#offers.close();
      throw error;
    }
  }

  /** The worker inherits this descriptor. -1 after `close`. */
  get fd(): number {
    return this.#fd;
  }
  /** And this one. */
  get offersFd(): number {
    return this.#offers.readFd;
  }

  get isLong(): boolean {
    return this.#offers.isLong;
  }
  offer(seq: number): void {
    this.#offers.offer(seq);
  }
  commit(): boolean {
    return this.#offers.commit();
  }
  unclaimed(): number | undefined {
    return this.#offers.unclaimed();
  }
  recall(): number {
    return this.#offers.recall();
  }

  abort(seq: number, kind: AbortKind): void {
    this.#write(abortCell(seq, kind), abortCellAt(seq));
  }

  expectItems(seq: number): void {
    this.#write(itemsCell(seq, 0), itemsCellAt(seq));
  }

  startedItems(seq: number): number {
    try {
      if (this.#fd !== CLOSED && readSync(this.#fd, cell, 0, CELL_BYTES, itemsCellAt(seq)) === CELL_BYTES)
        return itemsIn(cell[0] as number, seq);
    } catch {
      // User code broke the file.
    }
    return Number.NaN;
  }

  /** Closes the descriptors. `unclaimed()` keeps returning the last value. */
  close(): void {
    this.#offers.close();
    if (this.#fd === CLOSED) return;
    const fd = this.#fd;
    this.#fd = CLOSED;
    try {
      closeSync(fd);
    } catch {
      // User code has closed it already.
    }
  }

  #write(value: number, position: number): void {
    if (this.#fd === CLOSED) return;
    cell[0] = value;
    try {
      writeSync(this.#fd, cell, 0, CELL_BYTES, position);
    } catch {
      // Every block was allocated at creation, so only a broken file fails.
    }
  }
}

/** Written, not truncated to size: a later write into a hole fails if the file system is full. */
function fill(fd: number, directory: string): void {
  if (writeSync(fd, FRESH, 0, CONTROL_FILE_BYTES, 0) === CONTROL_FILE_BYTES) return;
  throw Object.assign(new Error(`no space for a worker's control file in ${directory}`), { code: 'ENOSPC' });
}
