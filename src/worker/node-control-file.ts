/**
 * The worker's side of the real control file (ipc/control-file-layout.ts), which it inherits. A
 * write costs 0.9 µs, a read 0.6.
 */

import {
  abortCellAt,
  abortKindIn,
  CELL_BYTES,
  confirmationOf,
  FRESH_CELL,
  isNumberOfCell,
  itemsCell,
  itemsCellAt,
  revokeCellAt,
  STARTED_AT,
} from '../ipc/control-file-layout.js';
import { CONTROL_FILE_FD } from '../ipc/descriptors.js';
import type { AbortKind } from '../shared/platform.js';
import type { WorkerControlFile } from './platform.js';

// Captured: task modules may replace the functions of fs. Not imported: that also loads
// `fs.promises`, 0.3 MB.
const { readvSync, writevSync } = process.getBuiltinModule('node:fs');

export class NodeControlFile implements WorkerControlFile {
  readonly #fd: number;
  readonly #written: Float64Array = new Float64Array(2);
  readonly #cellWritten: Float64Array = new Float64Array(1);
  readonly #read: Float64Array = new Float64Array(1);
  // Lists of one, because `writevSync` and `readvSync` do less around the same system call than
  // `writeSync` and `readSync`.
  readonly #fromWritten: readonly Float64Array[] = [this.#written];
  readonly #fromCell: readonly Float64Array[] = [this.#cellWritten];
  readonly #intoRead: readonly Float64Array[] = [this.#read];

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws the system error: without its record, an attempt must not start (G2) */
  start(seq: number): void {
    this.#written[0] = seq;
    this.#written[1] = confirmationOf(seq);
    writevSync(this.#fd, this.#fromWritten, STARTED_AT);
  }

  /** @throws as `start` */
  startItems(seq: number, count: number): void {
    this.#cellWritten[0] = itemsCell(seq, count);
    writevSync(this.#fd, this.#fromCell, itemsCellAt(seq));
  }

  /**
   * @throws when the parent cannot have written the cell: the attempt may be revoked, and must not
   * start (G2, G6)
   */
  isRevoked(seq: number): boolean {
    const cell = this.#cell(revokeCellAt(seq));
    if (cell === FRESH_CELL) return false;
    if (!isNumberOfCell(cell, seq))
      throw new Error(`the control file of the worker was overwritten: fd ${CONTROL_FILE_FD} belongs to everpool`);
    return cell === seq;
  }

  abortKind(seq: number): AbortKind | undefined {
    return abortKindIn(this.#cell(abortCellAt(seq)), seq);
  }

  /** NaN: there is no such cell, because task code has truncated the file. */
  #cell(at: number): number {
    return readvSync(this.#fd, this.#intoRead, at) === CELL_BYTES ? (this.#read[0] as number) : Number.NaN;
  }
}
