/** The real note: the inherited file (ipc/control-file-layout.ts). A write costs 0.9 µs, a reading 0.6. */
import {
  ABORT_CANCEL,
  ABORT_SOFT_TIMEOUT,
  abortCellAt,
  CONFIRMATION_OF_0,
  FRESH_CELL,
  isNumberOfCell,
  itemsCell,
  itemsCellAt,
  revokeCellAt,
  STARTED_AT,
} from '../ipc/control-file-layout.js';
import type { AbortKind } from '../shared/platform.js';
import type { WorkerControlFile } from './platform.js';

// Captured: task modules may replace the functions of fs. Not imported: that also loads `fs.promises` and its 0.3 MB.
const { readvSync, writevSync } = process.getBuiltinModule('node:fs');
const CELL_BYTES = 8;

export class NodeControlFile implements WorkerControlFile {
  readonly #fd: number;
  readonly #written: Float64Array = new Float64Array(2);
  readonly #cellWritten: Float64Array = new Float64Array(1);
  readonly #read: Float64Array = new Float64Array(1);
  // Lists of one: `writevSync` and `readvSync` do less beside the same system call than `writeSync` and `readSync`.
  readonly #fromWritten: readonly Float64Array[] = [this.#written];
  readonly #fromCell: readonly Float64Array[] = [this.#cellWritten];
  readonly #intoRead: readonly Float64Array[] = [this.#read];

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws when it cannot be written: without a note, an attempt must not start (G2). */
  start(seq: number): void {
    this.#written[0] = seq;
    this.#written[1] = CONFIRMATION_OF_0 - seq;
    writevSync(this.#fd, this.#fromWritten, STARTED_AT);
  }

  /** @throws as `start` */
  startItems(seq: number, count: number): void {
    this.#cellWritten[0] = itemsCell(seq, count);
    writevSync(this.#fd, this.#fromCell, itemsCellAt(seq));
  }

  /** @throws when the note is not what the parent writes: the attempt could be one that was taken back, and must not start (G2, G6). */
  isRevoked(seq: number): boolean {
    const cell = this.#cell(revokeCellAt(seq));
    if (cell === FRESH_CELL) return false;
    if (!isNumberOfCell(cell, seq)) throw new Error('the note of the worker was overwritten: fd 5 belongs to everpool');
    return cell === seq;
  }

  abortKind(seq: number): AbortKind | undefined {
    const cell = this.#cell(abortCellAt(seq));
    if (cell === 4 * seq + ABORT_CANCEL) return 'cancel';
    return cell === 4 * seq + ABORT_SOFT_TIMEOUT ? 'soft-timeout' : undefined;
  }

  /** NaN: it is not there, as somebody has cut the file. */
  #cell(at: number): number {
    return readvSync(this.#fd, this.#intoRead, at) === CELL_BYTES ? (this.#read[0] as number) : Number.NaN;
  }
}
