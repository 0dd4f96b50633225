import { type FrameHeader, FrameType, HEADER_BYTES, MAX_BODY_BYTES, viewOf, writeHeader } from './frame.js';

const EMPTY: Buffer = Buffer.alloc(0);
const NONE: readonly Buffer[] = [];
const ATTACHMENT: FrameHeader = { type: FrameType.Attachment };
const ARENA_BYTES = 64 * 1024;
/**
 * Larger bytes are not copied behind their header, but written as a part of their own. Text is
 * written into the arena if it fits.
 */
const COPY_LIMIT_BYTES = 16 * 1024;
/** Up to this length, writing each character costs less than a call into the runtime. */
const SHORT_TEXT = 32;
/**
 * Views of the beginning of the arena are kept up to this length: making one costs 0.1 µs, and
 * every short message that is sent alone needs one.
 */
const KEPT_VIEW_BYTES = 128;

/**
 * Gathers messages so that several leave in one write. Small bodies are copied into one arena, and
 * strings written into it as UTF-8, so a small message needs no Buffer of its own.
 */
export class FrameWriter {
  #arena: Buffer = EMPTY; // allocated when it is first needed
  #view: DataView = viewOf(EMPTY); // of the arena
  #from = 0; // the beginning of the bytes that are not yet in #parts
  #at = 0; // the end of them
  #parts: Buffer[] = [];
  #views: Buffer[] = []; // of the beginning of the arena, by length

  get isEmpty(): boolean {
    return this.#parts.length === 0 && this.#at === this.#from;
  }

  add(header: FrameHeader, body?: string | Buffer, attachments: readonly Buffer[] = NONE): void {
    this.#frame(header, body, attachments.length);
    for (const bytes of attachments) this.#frame(ATTACHMENT, bytes, 0);
  }

  /** Returns everything added, in order. Pass it to one write, then call `recycle` or `renew`. */
  take(): Buffer[] {
    // Usually one part. Not by `push`, which allocates space for sixteen more.
    if (this.#parts.length === 0) return this.#at === this.#from ? [] : [this.#rest()];
    this.#cut();
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  /** The bytes of the last `take` have been written: the arena is reused. */
  recycle(): void {
    this.#from = 0;
    this.#at = 0;
  }

  /** The bytes of the last `take` are not written yet: the arena is replaced. */
  renew(): void {
    if (this.#at > 0) this.#allocate(ARENA_BYTES);
    this.recycle();
  }

  #frame(header: FrameHeader, body: string | Buffer | undefined, attachments: number): void {
    let bytes: Buffer | undefined;
    let bound = 0;
    if (typeof body === 'string') {
      bound = body.length * 3;
      // The bound is thrice the length of ASCII: measured, more messages fit into one arena.
      if (bound > COPY_LIMIT_BYTES && this.#at + HEADER_BYTES + bound > this.#arena.length) bound = Buffer.byteLength(body, 'utf8');
      if (HEADER_BYTES + bound > ARENA_BYTES) bytes = Buffer.from(body, 'utf8');
    } else if (body !== undefined) {
      bytes = body;
      bound = body.length;
    }
    const copied = bytes === undefined || bytes.length <= COPY_LIMIT_BYTES;
    this.#reserve(HEADER_BYTES + (copied ? bound : 0));
    const start = this.#at;
    let length = 0;
    if (bytes !== undefined) length = bytes.length;
    else if (typeof body === 'string') length = this.#write(body, start + HEADER_BYTES);
    if (length > MAX_BODY_BYTES) throw new RangeError(`a body of ${length} bytes, over the limit of ${MAX_BODY_BYTES}`);
    writeHeader(this.#view, start, header, length, attachments);
    this.#at = start + HEADER_BYTES;
    if (!copied) {
      this.#cut();
      this.#parts.push(bytes as Buffer);
      return;
    }
    if (bytes !== undefined) this.#arena.set(bytes, this.#at);
    this.#at += length;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#arena.length) return;
    this.#cut();
    this.#allocate(Math.max(ARENA_BYTES, bytes));
    this.recycle();
  }

  #allocate(bytes: number): void {
    this.#arena = Buffer.allocUnsafeSlow(bytes);
    this.#view = viewOf(this.#arena);
    this.#views = [];
  }

  /** Writes text at `at` and returns its length in bytes. */
  #write(text: string, at: number): number {
    const arena = this.#arena;
    const { length } = text;
    if (length > SHORT_TEXT) return arena.write(text, at, 'utf8');
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return arena.write(text, at, 'utf8');
      arena[at + i] = code;
    }
    return length;
  }

  #cut(): void {
    if (this.#at > this.#from) this.#parts.push(this.#rest());
  }

  /** The part of the arena that was not taken yet. */
  #rest(): Buffer {
    const from = this.#from;
    const end = this.#at;
    this.#from = end;
    if (from > 0 || end > KEPT_VIEW_BYTES) return this.#arena.subarray(from, end);
    this.#views[end] ??= this.#arena.subarray(0, end);
    return this.#views[end];
  }
}
