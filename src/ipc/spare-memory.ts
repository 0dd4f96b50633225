/**
 * Copies of large binary data, and the memory of those that are no longer needed: fresh pages cost five times what the copy costs.
 *
 * Whoever releases memory must know that nobody reads it any more, the kernel and a worker's socket included.
 */

/** Smaller copies come from memory that is warm anyway. */
const LEAST_BYTES: number = 256 * 1024;
/** No more is kept for later. */
const MOST_BYTES: number = 32 * 1024 * 1024;

const spares: Buffer[] = [];
let kept = 0;

export function copyOf(bytes: Buffer): Buffer {
  const { length } = bytes;
  const copy = (length < LEAST_BYTES ? undefined : taken(length)) ?? Buffer.allocUnsafeSlow(length);
  copy.set(bytes);
  return copy;
}

/** What `copyOf` has made. */
export function release(copies: readonly Buffer[]): void {
  for (const { buffer } of copies) {
    const { byteLength } = buffer;
    if (byteLength < LEAST_BYTES || kept + byteLength > MOST_BYTES) continue;
    spares.push(Buffer.from(buffer));
    kept += byteLength;
  }
}

function taken(length: number): Buffer | undefined {
  const at = spares.findIndex((spare) => spare.length >= length && spare.length <= 2 * length);
  const [spare] = at < 0 ? [] : spares.splice(at, 1);
  if (spare === undefined) return undefined;
  kept -= spare.length;
  return spare.subarray(0, length);
}
