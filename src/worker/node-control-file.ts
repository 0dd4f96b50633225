/**
 * The worker's side of the real control file (ipc/control-file-layout.ts), which it inherits. A
 * read costs 0.6 to 3 µs, a write 0.9 to 3.3.
 */

import { abortCellAt, abortKindIn, CELL_BYTES, itemsCell, itemsCellAt } from '../ipc/control-file-layout.js';
import type { AbortKind } from '../shared/platform.js';
import type { WorkerControlFile } from './platform.js';

// Captured: task modules may replace the functions of fs. Not imported: that also loads
// `fs.promises`, 0.3 MB.
const { readvSync, writevSync } = process.getBuiltinModule('node:fs');

export class NodeControlFile implements WorkerControlFile {
  readonly #fd: number;
  readonly #offersFd: number;
  readonly #written: Float64Array = new Float64Array(1);
  readonly #read: Float64Array = new Float64Array(1);
  // Lists of one, because `writevSync` and `readvSync` do less around the same system call than
  // `writeSync` and `readSync`.
  readonly #fromWritten: readonly Float64Array[] = [this.#written];
  readonly #intoRead: readonly Float64Array[] = [this.#read];

  constructor(fd: number, offersFd: number) {
    this.#fd = fd;
    this.#offersFd = offersFd;
  }

  /**
   * NaN: task code has read from the descriptor.
   * @throws the system error: without a claim, no attempt may start (G2)
   */
  claim(): number {
    const bytes = readvSync(this.#offersFd, this.#intoRead);
    if (bytes === CELL_BYTES) return this.#read[0] as number;
    return bytes === 0 ? 0 : Number.NaN;
  }

  /** @throws as `claim` */
  startItems(seq: number, count: number): void {
    this.#written[0] = itemsCell(seq, count);
    writevSync(this.#fd, this.#fromWritten, itemsCellAt(seq));
  }

  abortKind(seq: number): AbortKind | undefined {
    return abortKindIn(this.#cell(abortCellAt(seq)), seq);
  }

  /** NaN: there is no such cell, because task code has truncated the file. */
  #cell(at: number): number {
    return readvSync(this.#fd, this.#intoRead, at) === CELL_BYTES ? (this.#read[0] as number) : Number.NaN;
  }
}
