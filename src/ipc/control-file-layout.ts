/**
 * The layout of a worker's control file (ControlFile in platform.ts). All numbers are 8-byte
 * doubles in the machine's own byte order: both sides are processes of one machine.
 *
 * The first file holds the offers, one number after the other. The worker can only read it.
 *
 * The second file holds one ring of abort cells and one of item cells, by `seq` modulo RING. A cell
 * belongs to one attempt from its sending to its end: the parent skips a number whose cell still
 * belongs to an older attempt (pool/dispatch/lease-ring.ts). So an attempt that runs for hours
 * keeps its cell and blocks no other.
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
export const CONTROL_FILE_BYTES: number = RING * 2 * CELL_BYTES;

/**
 * What the parent writes into each cell before the worker gets the file, because task code may
 * leave zeros.
 */
export const FRESH_CELL: number = -1;

export function abortCellAt(seq: number): number {
  return (seq & RING_MASK) * CELL_BYTES;
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
  return (RING + (seq & RING_MASK)) * CELL_BYTES;
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
