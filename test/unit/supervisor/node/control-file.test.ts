import { fstatSync, ftruncateSync, readFileSync, readSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  abortCell,
  abortCellAt,
  CONTROL_FILE_BYTES,
  confirmationOf,
  FRESH_CELL,
  itemsCellAt,
  RING,
  revokeCellAt,
  STARTED_AT,
  STARTED_BYTES,
} from '../../../../src/ipc/control-file-layout.js';
import { UnlinkedControlFile } from '../../../../src/supervisor/node/control-file.js';
import { NodeControlFile } from '../../../../src/worker/node-control-file.js';

/** The index of the first cell behind the two of the started attempt. */
const CELLS_AT = STARTED_BYTES / 8;

describe('the control file', () => {
  let controlFile: UnlinkedControlFile;

  beforeEach(() => {
    controlFile = new UnlinkedControlFile();
  });

  afterEach(() => controlFile.close());

  const cell = (position: number): number => {
    const bytes = Buffer.alloc(8);
    readSync(controlFile.fd, bytes, 0, 8, position);
    return bytes.readDoubleLE(0);
  };
  const cellsOf = (bytes: Buffer): Float64Array =>
    new Float64Array(bytes.buffer, bytes.byteOffset, CONTROL_FILE_BYTES / 8).subarray(CELLS_AT);
  const write = (...numbers: number[]): void => {
    const bytes = Buffer.from(Float64Array.from(numbers).buffer);
    writeSync(controlFile.fd, bytes, 0, bytes.length, STARTED_AT);
  };
  const start = (seq: number): void => write(seq, confirmationOf(seq));

  test('says how many items of a chunk have started, of that chunk and no other; what nobody wrote says nothing', () => {
    const worker = new NodeControlFile(controlFile.fd);
    for (const seq of [1, 2, RING, RING + 1, 3 * RING + 1, 2 ** 40 + 1]) {
      expect(controlFile.startedItems(seq)).toBeNaN();
      controlFile.expectItems(seq);
      expect(controlFile.startedItems(seq)).toBe(0);
      for (const count of [1, 2, 2000, 1_000_000, 3]) {
        worker.startItems(seq, count);
        expect(controlFile.startedItems(seq)).toBe(count);
      }
    }
    // Others have the cell now, or had it.
    expect(controlFile.startedItems(1)).toBeNaN();
    expect(controlFile.startedItems(5 * RING + 2)).toBeNaN();
    expect(controlFile.startedItems(2)).toBe(3);
    for (const forged of [0, -1, 0.5, 1e300, Number.NaN, Number.POSITIVE_INFINITY]) {
      writeSync(controlFile.fd, Buffer.from(Float64Array.of(forged).buffer), 0, 8, itemsCellAt(2));
      expect(controlFile.startedItems(2)).toBeNaN();
    }
    controlFile.close();
    expect(controlFile.startedItems(RING)).toBeNaN();
  });

  test('has its whole size from the start, and no name', () => {
    const bytes = Buffer.alloc(CONTROL_FILE_BYTES + 1, 1);
    expect(readSync(controlFile.fd, bytes, 0, bytes.length, 0)).toBe(CONTROL_FILE_BYTES);
    expect(bytes.readDoubleLE(STARTED_AT)).toBe(0);
    expect(bytes.readDoubleLE(STARTED_AT + 8)).toBe(confirmationOf(0));
    expect(cellsOf(bytes).every((each) => each === FRESH_CELL)).toBe(true);
    expect(fstatSync(controlFile.fd).nlink).toBe(0);
    expect(fstatSync(controlFile.fd).mode & 0o777).toBe(0o600);
  });

  test('says what the worker has started', () => {
    expect(controlFile.started()).toBe(0);
    start(7);
    expect(controlFile.started()).toBe(7);
    start(2 ** 40);
    expect(controlFile.started()).toBe(2 ** 40);
  });

  test('recognises what the worker has not written: a number alone, garbage, zeros, the same twice, nothing at all', () => {
    for (const numbers of [[6], [0], [8], [Number.NaN], [0, 0], [6, 6], [7, 7], [Number.NaN, Number.NaN], [1e300, 1], [-1, 0.5]]) {
      start(7);
      expect(controlFile.started()).toBe(7);
      write(...numbers);
      expect(controlFile.started(), String(numbers)).toBeNaN();
    }
    ftruncateSync(controlFile.fd, 8);
    expect(controlFile.started()).toBeNaN();
    start(8); // the worker goes on
    expect(controlFile.started()).toBe(8);
  });

  test('what the worker writes is what the parent reads', () => {
    const worker = new NodeControlFile(controlFile.fd);
    for (const seq of [1, 2, 1023, 1024, 2 ** 31, 2 ** 40 + 1]) {
      worker.start(seq);
      expect(controlFile.started()).toBe(seq);
      controlFile.revoke(seq, seq);
      expect(worker.isRevoked(seq)).toBe(true);
    }
  });

  test('has each attempt from the first to the last revoked, and no other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 * RING }), fc.integer({ min: 0, max: RING - 1 }), (first, more) => {
        const fresh = new UnlinkedControlFile();
        try {
          fresh.revoke(first, first + more);
          const bytes = Buffer.alloc(CONTROL_FILE_BYTES);
          readSync(fresh.fd, bytes, 0, CONTROL_FILE_BYTES, 0);
          const expected = new Float64Array(CONTROL_FILE_BYTES / 8 - CELLS_AT).fill(FRESH_CELL);
          for (let seq = first; seq <= first + more; seq++) expected[revokeCellAt(seq) / 8 - CELLS_AT] = seq;
          expect(cellsOf(bytes).findIndex((each, index) => each !== expected[index])).toBe(-1);
        } finally {
          fresh.close();
        }
      }),
      { numRuns: 50 },
    );
  });

  test('revokes nothing for an empty range, and the last ring of one that is too long', () => {
    controlFile.revoke(5, 4);
    expect(cell(revokeCellAt(5))).toBe(FRESH_CELL);
    controlFile.revoke(1, 3 * RING);
    for (let seq = 2 * RING + 1; seq <= 3 * RING; seq++) expect(cell(revokeCellAt(seq))).toBe(seq);
    expect(cell(abortCellAt(RING))).toBe(FRESH_CELL);
  });

  test('says which attempt is to abort, and why', () => {
    controlFile.abort(RING + 3, 'cancel');
    expect(cell(abortCellAt(3))).toBe(abortCell(RING + 3, 'cancel'));
    controlFile.abort(RING + 3, 'soft-timeout');
    expect(cell(abortCellAt(3))).toBe(abortCell(RING + 3, 'soft-timeout'));
  });

  test('repeats its last answer after it was closed, and ignores what it can no longer do', () => {
    start(9);
    const { fd } = controlFile;
    controlFile.close();
    controlFile.close();
    expect(controlFile.fd).toBe(-1);
    expect(() => readFileSync(fd)).toThrow();
    expect(controlFile.started()).toBe(9);
    controlFile.revoke(1, 9);
    controlFile.abort(1, 'cancel');
    expect(controlFile.started()).toBe(9);
  });
});
