/**
 * Copies of large binary data, in memory that is reused: fresh pages cost five times as much as the
 * copy itself.
 *
 * Memory may be released only when nothing reads it any more, including the kernel and the socket
 * of a worker.
 */

/** Smaller copies get warm memory from the allocator anyway. */
const MIN_BYTES: number = 256 * 1024;
/** The most memory that is kept for reuse. */
const MAX_KEPT_BYTES: number = 32 * 1024 * 1024;

const spares: Buffer[] = [];
let kept = 0;

export function copyOf(bytes: Buffer): Buffer {
  const { length } = bytes;
  const copy = (length < MIN_BYTES ? undefined : takeSpare(length)) ?? Buffer.allocUnsafeSlow(length);
  copy.set(bytes);
  return copy;
}

/** @param copies made by `copyOf` */
export function release(copies: readonly Buffer[]): void {
  for (const { buffer } of copies) {
    const { byteLength } = buffer;
    if (byteLength < MIN_BYTES || kept + byteLength > MAX_KEPT_BYTES) continue;
    spares.push(Buffer.from(buffer));
    kept += byteLength;
  }
}

function takeSpare(length: number): Buffer | undefined {
  const at = spares.findIndex((spare) => spare.length >= length && spare.length <= 2 * length);
  const [spare] = at < 0 ? [] : spares.splice(at, 1);
  if (spare === undefined) return undefined;
  kept -= spare.length;
  return spare.subarray(0, length);
}
