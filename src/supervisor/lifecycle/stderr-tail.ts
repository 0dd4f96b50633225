/**
 * Keeps a copy of the last 4 KiB of a worker's stderr, and no reference to the chunks it came in.
 */

const LIMIT_BYTES = 4096;

export class StderrTail {
  /** Allocated with the first chunk: most workers never write to stderr. */
  #ring: Buffer | undefined;
  #seenBytes = 0;

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#ring ??= Buffer.allocUnsafeSlow(LIMIT_BYTES);
    this.#seenBytes += chunk.length;
    const last = chunk.length > LIMIT_BYTES ? chunk.subarray(-LIMIT_BYTES) : chunk;
    // The byte at offset n of the stream is at n modulo the size of the ring.
    const copied = last.copy(this.#ring, (this.#seenBytes - last.length) % LIMIT_BYTES);
    last.copy(this.#ring, 0, copied);
  }

  /** Returns the text, without characters that are cut off at either end. */
  toString(): string {
    if (this.#ring === undefined) return '';
    const end = this.#seenBytes % LIMIT_BYTES;
    if (this.#seenBytes <= LIMIT_BYTES) return decode(this.#ring.subarray(0, this.#seenBytes), 0);
    const bytes = Buffer.concat([this.#ring.subarray(end), this.#ring.subarray(0, end)]);
    return decode(bytes, firstCharacter(bytes));
  }
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** The start of the first whole character. A character has at most three continuation bytes. */
function firstCharacter(bytes: Buffer): number {
  let start = 0;
  while (start < 3 && isContinuation(bytes[start])) start += 1;
  // Four continuation bytes in a row are not UTF-8: nothing is skipped.
  return isContinuation(bytes[start]) ? 0 : start;
}

function decode(bytes: Buffer, start: number): string {
  return bytes.toString('utf8', start, lastCharacterEnd(bytes));
}

/** The end of the last whole character: its remaining bytes may be missing when the worker died. */
function lastCharacterEnd(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if (isContinuation(byte)) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
