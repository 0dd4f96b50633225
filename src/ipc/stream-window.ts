/**
 * How far a stream's values may be ahead of their reader: a slow reader stops the worker, not the memory.
 *
 * Each side counts what was sent and not said to be taken: the worker waits when the window is full, and the parent ends a worker that
 * does not (G12).
 */
export const WINDOW_VALUES = 16;
/** With so many bytes under way no further value is sent; one alone may be larger. */
const WINDOW_BYTES: number = 1024 * 1024;
/** The parent tells what was taken in portions. */
export const PORTION_VALUES: number = WINDOW_VALUES / 2;

/** What the parent lets pass: it counts the bytes of a text, of which the worker counts the characters, and no character of JavaScript takes more. */
export const MOST_BYTES: number = 3 * WINDOW_BYTES;

/** What of one stream is under way. */
export class StreamWindow {
  readonly #mostBytes: number;
  readonly #sizes: number[] = [];
  #bytes = 0;

  constructor(mostBytes: number = WINDOW_BYTES) {
    this.#mostBytes = mostBytes;
  }

  get isFull(): boolean {
    return this.#sizes.length >= WINDOW_VALUES || this.#bytes >= this.#mostBytes;
  }

  sent(bytes: number): void {
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  taken(count: number): void {
    for (const bytes of this.#sizes.splice(0, count)) this.#bytes -= bytes;
  }

  clear(): void {
    this.taken(this.#sizes.length);
  }
}

/** The size of one value: of its body and of its attachments. */
export function sizeOf(body: string | Buffer | undefined, attachments: readonly Buffer[]): number {
  let size = body === undefined ? 0 : body.length;
  for (const each of attachments) size += each.length;
  return size;
}
