/**
 * The window of a stream: how far its values may be ahead of their reader. A slow reader pauses the
 * worker instead of filling the memory.
 *
 * Each side counts the values that were sent and not yet reported as taken. The worker waits while
 * the window is full, and the parent ends a worker that does not (G12).
 */
export const WINDOW_VALUES = 16;
/** With this many bytes in flight no further value is sent; a single value may be larger. */
const WINDOW_BYTES: number = 1024 * 1024;
/** The parent reports taken values in groups of this size. */
export const PORTION_VALUES: number = WINDOW_VALUES / 2;

/**
 * The limit of the parent. It counts the bytes of a text, the worker its characters, and no
 * character of JavaScript takes more than three bytes.
 */
export const MOST_BYTES: number = 3 * WINDOW_BYTES;

/** The values of one stream that are in flight. */
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

/** The size of a value: its body and its attachments. */
export function sizeOf(body: string | Buffer | undefined, attachments: readonly Buffer[]): number {
  let size = body === undefined ? 0 : body.length;
  for (const each of attachments) size += each.length;
  return size;
}
