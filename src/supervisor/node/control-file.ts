/**
 * The parent's side of a worker's control file (`ControlFile` in platform.ts): a small file that is
 * unlinked as soon as it is created. Its layout is in ipc/control-file-layout.ts.
 *
 * Owns one descriptor, from construction until `close`. Only the constructor throws.
 */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  abortCell,
  abortCellAt,
  CELL_BYTES,
  CONTROL_FILE_BYTES,
  confirmationOf,
  freshControlFile,
  itemsCell,
  itemsCellAt,
  itemsIn,
  RING,
  RING_MASK,
  revokeCellAt,
  STARTED_AT,
  STARTED_BYTES,
} from '../../ipc/control-file-layout.js';
import type { AbortKind, ControlFile } from '../../shared/platform.js';

const CLOSED = -1;
/** The number of other names to try if one is taken. */
const TRIES = 8;
/**
 * The number of attempts to read a confirmed value: for some nanoseconds the worker may be in the
 * middle of writing it.
 */
const READINGS = 100;
const FRESH: Float64Array = freshControlFile();
/** As large as the largest `revoke`: a whole ring. Shared, because no use outlasts its call. */
const cells: Float64Array = new Float64Array(RING);

export class UnlinkedControlFile implements ControlFile {
  #fd: number;
  #lastStarted = 0;

  /** @throws the system error if no file can be created (EMFILE, ENOSPC, EACCES) */
  constructor() {
    this.#fd = createUnlinked();
  }

  /** The worker inherits this descriptor. -1 after `close`. */
  get fd(): number {
    return this.#fd;
  }

  started(): number {
    if (this.#fd !== CLOSED) this.#lastStarted = this.#read();
    return this.#lastStarted;
  }

  #read(): number {
    try {
      for (let reading = 0; reading < READINGS; reading += 1) {
        // User code has truncated it.
        if (readSync(this.#fd, cells, 0, STARTED_BYTES, STARTED_AT) < STARTED_BYTES) break;
        const seq = cells[0] as number;
        if (cells[1] === confirmationOf(seq)) return seq;
      }
    } catch {
      // Reading a file in memory fails only if user code broke it.
    }
    return Number.NaN;
  }

  revoke(first: number, last: number): void {
    if (last < first) return;
    // At most one ring is ever open (control-file-layout.ts); all earlier attempts have been
    // answered.
    const from = Math.max(first, last - RING + 1);
    // One write up to the end of the ring, and another from its beginning.
    const atEnd = Math.min(last, from + (RING - 1 - (from & RING_MASK)));
    this.#writeSeqs(from, atEnd);
    if (atEnd < last) this.#writeSeqs(atEnd + 1, last);
  }

  abort(seq: number, kind: AbortKind): void {
    cells[0] = abortCell(seq, kind);
    this.#write(CELL_BYTES, abortCellAt(seq));
  }

  expectItems(seq: number): void {
    cells[0] = itemsCell(seq, 0);
    this.#write(CELL_BYTES, itemsCellAt(seq));
  }

  startedItems(seq: number): number {
    try {
      if (this.#fd !== CLOSED && readSync(this.#fd, cells, 0, CELL_BYTES, itemsCellAt(seq)) === CELL_BYTES)
        return itemsIn(cells[0] as number, seq);
    } catch {
      // User code broke the file.
    }
    return Number.NaN;
  }

  /** Closes the descriptor. `started()` keeps returning the last value. */
  close(): void {
    if (this.#fd === CLOSED) return;
    this.started();
    const fd = this.#fd;
    this.#fd = CLOSED;
    try {
      closeSync(fd);
    } catch {
      // User code has closed it already.
    }
  }

  #writeSeqs(first: number, last: number): void {
    for (let seq = first; seq <= last; seq++) cells[seq - first] = seq;
    this.#write((last - first + 1) * CELL_BYTES, revokeCellAt(first));
  }

  #write(length: number, position: number): void {
    if (this.#fd === CLOSED) return;
    try {
      writeSync(this.#fd, cells, 0, length, position);
    } catch {
      // Every block was allocated at creation, so only a broken file fails. The worker then runs
      // what it was sent, and `started()`, which decides about redispatch (G2), is still right.
    }
  }
}

/** In memory if possible (a step costs 0.6–0.9 µs), else in the temporary folder. */
function createUnlinked(): number {
  if (process.platform === 'linux') {
    try {
      return createIn('/dev/shm');
    } catch {
      // Absent, full or not writable: try the temporary folder, which throws its own error.
    }
  }
  return createIn(tmpdir());
}

function createIn(directory: string): number {
  const { path, fd } = createNew(directory);
  try {
    unlinkSync(path);
    // Written, not truncated to size: a later write into a hole fails if the file system is full.
    if (writeSync(fd, FRESH, 0, CONTROL_FILE_BYTES, 0) !== CONTROL_FILE_BYTES) {
      throw Object.assign(new Error(`no space for a worker's control file in ${directory}`), { code: 'ENOSPC' });
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * The name exists for microseconds and `x` refuses an existing one, so it need not be unguessable:
 * that would load `crypto`, 0.9 ms of a cold start.
 */
function createNew(directory: string): { path: string; fd: number } {
  for (let triesLeft = TRIES; ; triesLeft--) {
    const path = join(directory, `everpool-${process.pid}-${Math.random().toString(36).slice(2)}`);
    try {
      return { path, fd: openSync(path, 'wx+', 0o600) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || triesLeft === 0) throw error;
    }
  }
}
