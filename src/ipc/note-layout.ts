/**
 * Where things stand in a worker's note (doors.ts, Note). All cells are 8-byte doubles, in the machine's own
 * order of bytes: both sides are processes of one machine.
 *
 * One ring of revoke cells and one of abort cells, by `seq` modulo RING. The parent never has RING or more
 * attempts outstanding with one worker (sent, and neither answered nor reported as dropped), so a cell
 * is never needed by two of them.
 */
export const RING = 1024;
/** RING is a power of two: `seq & RING_MASK` is the remainder, of any whole number, without a division of doubles. */
export const RING_MASK: number = RING - 1;
export const NOTE_BYTES: number = 64 + RING * 16;
export const STARTED_AT = 0;

export function revokeCellAt(seq: number): number {
  return 64 + (seq & RING_MASK) * 8;
}

/** An abort cell holds `4 × seq + kind`. */
export function abortCellAt(seq: number): number {
  return 64 + RING * 8 + (seq & RING_MASK) * 8;
}

export const ABORT_CANCEL = 1;
export const ABORT_SOFT_TIMEOUT = 2;
