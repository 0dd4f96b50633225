/**
 * The parent's side of a worker's note (platform.ts, Note): a small file that has no name any more.
 *
 * Owns one descriptor, from construction until `close`. Only the constructor throws.
 */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ABORT_CANCEL,
  ABORT_SOFT_TIMEOUT,
  abortCellAt,
  CONFIRMATION_OF_0,
  CONTROL_FILE_BYTES,
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

const CELL_BYTES = 8;
const CLOSED = -1;
/** Further names, if one is taken. */
const TRIES = 8;
/** How often an unconfirmed number is read again: the worker may be in the middle of writing it, for some nanoseconds. */
const READINGS = 100;
const FRESH: Float64Array = freshControlFile();
/** The most that one `revoke` writes: the whole ring. Reused, as each use ends before the next begins. */
const cells: Float64Array = new Float64Array(RING);

export class UnlinkedControlFile implements ControlFile {
  #fd: number;
  #lastStarted = 0;

  /** @throws the system error when no file can be made (EMFILE, ENOSPC, EACCES). */
  constructor() {
    this.#fd = createUnlinked();
  }

  /** For the worker to inherit; -1 once closed. */
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
        if (readSync(this.#fd, cells, 0, STARTED_BYTES, STARTED_AT) < STARTED_BYTES) break; // user code has cut it
        const seq = cells[0] as number;
        if (cells[1] === CONFIRMATION_OF_0 - seq) return seq;
      }
    } catch {
      // A read of a file in memory fails only if user code broke it.
    }
    return Number.NaN;
  }

  revoke(first: number, last: number): void {
    if (last < first) return;
    // No more than a ring is ever outstanding (control-file-layout.ts); what lies before that has been answered.
    const from = Math.max(first, last - RING + 1);
    // From `from` to the end of the ring, and the rest from its beginning.
    const atEnd = Math.min(last, from + (RING - 1 - (from & RING_MASK)));
    this.#writeSeqs(from, atEnd);
    if (atEnd < last) this.#writeSeqs(atEnd + 1, last);
  }

  abort(seq: number, kind: AbortKind): void {
    cells[0] = 4 * seq + (kind === 'cancel' ? ABORT_CANCEL : ABORT_SOFT_TIMEOUT);
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

  /** Gives the descriptor back; `started()` goes on telling what it was. */
  close(): void {
    if (this.#fd === CLOSED) return;
    this.started();
    const fd = this.#fd;
    this.#fd = CLOSED;
    try {
      closeSync(fd);
    } catch {
      // Somebody else has closed it: then it is closed.
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
      // Every block was allocated at creation, so this needs a broken file; the worker then runs what it was sent,
      // and `started()`, which decides about redispatch (G2), still tells the truth.
    }
  }
}

/** In memory where there is such a place (a step costs 0.6–0.9 µs), else in the directory for temporary files. */
function createUnlinked(): number {
  if (process.platform === 'linux') {
    try {
      return createIn('/dev/shm');
    } catch {
      // Absent, full or not writable: the ordinary place may do, and tells the error if it does not.
    }
  }
  return createIn(tmpdir());
}

function createIn(directory: string): number {
  const { path, fd } = createNew(directory);
  try {
    unlinkSync(path);
    // Written, not truncated to size: a later write to a hole could fail when the file system has filled up.
    if (writeSync(fd, FRESH, 0, CONTROL_FILE_BYTES, 0) !== CONTROL_FILE_BYTES) {
      throw Object.assign(new Error(`no space for a worker's note in ${directory}`), { code: 'ENOSPC' });
    }
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The name lives for some microseconds, so it need not be unguessable (that would load `crypto`, 0.9 ms of a cold start): `x` refuses one that exists. */
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
