/**
 * Where things stand in a worker's note (platform.ts, Note). All cells are 8-byte doubles, in the machine's own
 * order of bytes: both sides are processes of one machine.
 *
 * One ring of revoke cells, one of abort cells and one of item cells, by `seq` modulo RING. A cell belongs to one attempt from the
 * sending until the answer, or the report that it was dropped: the parent leaves out a number whose cell an older
 * attempt still has (pool/dispatch/lease-ring.ts). So an attempt that runs for hours keeps its cell and stops no other.
 *
 * The worker writes the number that it starts and, behind it in the same write, its confirmation. Task code that writes to the
 * descriptor seldom leaves a pair behind, so the parent knows a number that the worker never wrote.
 */
export const RING = 1024;
/** RING is a power of two: `seq & RING_MASK` is the remainder, of any whole number, without a division of doubles. */
export const RING_MASK: number = RING - 1;
export const CONTROL_FILE_BYTES: number = 64 + RING * 24;
export const STARTED_AT = 0;
/** Of the pair: the number, and its confirmation. */
export const STARTED_BYTES = 16;
/** What confirms a number of 0 is this; of any other, this less the number. Zeros confirm nothing. */
export const CONFIRMATION_OF_0: number = -1;

/** What the parent puts into each cell before the worker gets the file. Zeros, from task code or from a file of its own, are no such cell. */
export const FRESH_CELL: number = -1;

export function freshControlFile(): Float64Array {
  const cells = new Float64Array(CONTROL_FILE_BYTES / 8).fill(FRESH_CELL);
  cells[STARTED_AT / 8] = 0;
  cells[STARTED_AT / 8 + 1] = CONFIRMATION_OF_0;
  return cells;
}

/** Whether the parent can have written the number into the revoke cell of this attempt: its own number, or one that had the cell before. */
export function isNumberOfCell(cell: number, seq: number): boolean {
  return cell > 0 && cell <= seq && (seq - cell) % RING === 0;
}

export function revokeCellAt(seq: number): number {
  return 64 + (seq & RING_MASK) * 8;
}

/** An abort cell holds `4 × seq + kind`. */
export function abortCellAt(seq: number): number {
  return 64 + RING * 8 + (seq & RING_MASK) * 8;
}

export const ABORT_CANCEL = 1;
export const ABORT_SOFT_TIMEOUT = 2;

/** Of a chunk: how many of its items have started. */
export function itemsCellAt(seq: number): number {
  return 64 + RING * 16 + (seq & RING_MASK) * 8;
}

/** An item cell holds `count × GENERATIONS + generation`. The generation tells the attempts apart that have the cell one after the other; it is never 0. */
const GENERATIONS: number = 2 ** 20;

export function itemsCell(seq: number, count: number): number {
  return count * GENERATIONS + generationOf(seq);
}

/** NaN: this attempt has not written it, nor was it written for it. */
export function itemsIn(cell: number, seq: number): number {
  const count = Math.floor(cell / GENERATIONS);
  return count >= 0 && cell - count * GENERATIONS === generationOf(seq) ? count : Number.NaN;
}

function generationOf(seq: number): number {
  return 1 + (Math.floor(seq / RING) % (GENERATIONS - 1));
}
