/**
 * The layout of a worker's control file (ControlFile in platform.ts). All cells are 8-byte doubles
 * in the machine's own byte order: both sides are processes of one machine.
 *
 * There is one ring of revoke cells, one of abort cells and one of item cells, by `seq` modulo
 * RING. A cell belongs to one attempt from its sending to its answer, or to the report that it was
 * dropped: the parent skips a number whose cell still belongs to an older attempt
 * (pool/dispatch/lease-ring.ts). So an attempt that runs for hours keeps its cell and blocks no
 * other.
 *
 * The worker writes the number that it starts and, in the same write, its confirmation. Task code
 * that writes to the descriptor seldom leaves a matching pair, so the parent recognises a number
 * that the worker never wrote.
 */
import type { AbortKind } from '../shared/platform.js';
import { abortCode, abortKindOfCode } from './abort-codes.js';

export const CELL_BYTES = 8;
export const RING = 1024;
/**
 * RING is a power of two: `seq & RING_MASK` is the remainder of any whole number, without a
 * division of doubles.
 */
export const RING_MASK: number = RING - 1;
export const CONTROL_FILE_BYTES: number = 64 + RING * 3 * CELL_BYTES;

/** The last number that the worker started, then its confirmation. */
export const STARTED_AT = 0;
export const STARTED_BYTES: number = 2 * CELL_BYTES;

/** Not 0 for any number, because zeros must confirm nothing. */
export function confirmationOf(seq: number): number {
  return -1 - seq;
}

/**
 * What the parent writes into each cell before the worker gets the file, because task code may
 * leave zeros.
 */
export const FRESH_CELL: number = -1;

export function freshControlFile(): Float64Array {
  const cells = new Float64Array(CONTROL_FILE_BYTES / CELL_BYTES).fill(FRESH_CELL);
  cells[STARTED_AT / CELL_BYTES] = 0;
  cells[STARTED_AT / CELL_BYTES + 1] = confirmationOf(0);
  return cells;
}

/**
 * Whether the parent can have written the number into the attempt's revoke cell: the attempt
 * itself, or one that had the cell before.
 */
export function isNumberOfCell(cell: number, seq: number): boolean {
  return cell > 0 && cell <= seq && (seq - cell) % RING === 0;
}

/** A revoke cell holds the `seq` that it revokes. */
export function revokeCellAt(seq: number): number {
  return 64 + (seq & RING_MASK) * CELL_BYTES;
}

export function abortCellAt(seq: number): number {
  return 64 + (RING + (seq & RING_MASK)) * CELL_BYTES;
}

/** An abort cell holds `ABORT_CODES × seq + code`. */
const ABORT_CODES = 4;

export function abortCell(seq: number, kind: AbortKind): number {
  return ABORT_CODES * seq + abortCode(kind);
}

/** Undefined: the cell does not abort this attempt. */
export function abortKindIn(cell: number, seq: number): AbortKind | undefined {
  return abortKindOfCode(cell - ABORT_CODES * seq);
}

/** Of a chunk: the number of its items that have started. */
export function itemsCellAt(seq: number): number {
  return 64 + (2 * RING + (seq & RING_MASK)) * CELL_BYTES;
}

/**
 * An item cell holds `count × GENERATIONS + generation`. The generation is never 0, and differs
 * between the attempts that have the cell one after the other.
 */
const GENERATIONS: number = 2 ** 20;

export function itemsCell(seq: number, count: number): number {
  return count * GENERATIONS + generationOf(seq);
}

/** NaN: the cell was written neither by nor for this attempt. */
export function itemsIn(cell: number, seq: number): number {
  const count = Math.floor(cell / GENERATIONS);
  return count >= 0 && cell - count * GENERATIONS === generationOf(seq) ? count : Number.NaN;
}

function generationOf(seq: number): number {
  return 1 + (Math.floor(seq / RING) % (GENERATIONS - 1));
}
