import { fstatSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { abortCell, abortCellAt, CONTROL_FILE_BYTES, FRESH_CELL, itemsCellAt, RING } from '../../../../src/ipc/control-file-layout.js';
import { UnlinkedControlFile } from '../../../../src/supervisor/node/control-file.js';
import { NodeControlFile } from '../../../../src/worker/node-control-file.js';

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
  const workerOf = (file: UnlinkedControlFile): NodeControlFile => new NodeControlFile(file.fd, file.offersFd);

  test('says how many items of a chunk have started, of that chunk and no other; what nobody wrote says nothing', () => {
    const worker = workerOf(controlFile);
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
    const cells = new Float64Array(bytes.buffer, bytes.byteOffset, CONTROL_FILE_BYTES / 8);
    expect(cells.every((each) => each === FRESH_CELL)).toBe(true);
    expect(fstatSync(controlFile.fd).nlink).toBe(0);
    expect(fstatSync(controlFile.fd).mode & 0o777).toBe(0o600);
  });

  test('offers attempts to the worker: what it has not claimed can be recalled (offer-file.test.ts)', () => {
    const worker = workerOf(controlFile);
    for (const seq of [1, 2, 3]) controlFile.offer(seq);
    expect(controlFile.commit()).toBe(true);
    expect(worker.claim()).toBe(1);
    expect(controlFile.recall()).toBe(2);
    controlFile.offer(3);
    controlFile.commit();
    expect([worker.claim(), worker.claim()]).toEqual([3, 0]);
    expect(controlFile.isLong).toBe(false);
  });

  test('keeps cells and offers apart: task code that writes over every cell changes no offer', () => {
    controlFile.offer(7);
    controlFile.commit();
    writeSync(controlFile.fd, Buffer.alloc(CONTROL_FILE_BYTES), 0, CONTROL_FILE_BYTES, 0);
    expect(workerOf(controlFile).claim()).toBe(7);
    expect(controlFile.recall()).toBe(Number.POSITIVE_INFINITY);
  });

  test('says which attempt is to abort, and why', () => {
    controlFile.abort(RING + 3, 'cancel');
    expect(cell(abortCellAt(3))).toBe(abortCell(RING + 3, 'cancel'));
    controlFile.abort(RING + 3, 'soft-timeout');
    expect(cell(abortCellAt(3))).toBe(abortCell(RING + 3, 'soft-timeout'));
    const worker = workerOf(controlFile);
    expect([3, RING + 3, 2 * RING + 3].map((seq) => worker.abortKind(seq))).toEqual([undefined, 'soft-timeout', undefined]);
  });

  test('gives its descriptors back, repeats its last answer then, and ignores what it can no longer do', () => {
    for (const seq of [9, 10]) controlFile.offer(seq);
    controlFile.commit();
    workerOf(controlFile).claim();
    controlFile.unclaimed();
    const { fd, offersFd } = controlFile;
    controlFile.close();
    controlFile.close();
    expect(controlFile.fd).toBe(-1);
    for (const closed of [fd, offersFd]) expect(() => readFileSync(closed)).toThrow('EBADF');
    expect(controlFile.unclaimed()).toBe(10);
    controlFile.offer(11);
    expect(controlFile.commit()).toBe(true);
    expect(controlFile.recall()).toBe(10);
    controlFile.abort(1, 'cancel');
    controlFile.expectItems(1);
    expect(controlFile.startedItems(1)).toBeNaN();
  });

  test.runIf(process.platform === 'linux')('costs three descriptors, a fourth once the offers were read, and none after its close', () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    const before = count();
    const file = new UnlinkedControlFile();
    expect(count() - before).toBe(3);
    for (let look = 0; look < 10; look += 1) file.unclaimed();
    expect(count() - before).toBe(4);
    file.close();
    expect(count()).toBe(before);
  });
});
