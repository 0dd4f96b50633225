import { FrameType, HEADER_BYTES, KNOWN_TYPES, MAGIC, MAX_BODY_BYTES, type Message, ProtocolError } from './frame.js';

const EMPTY: Buffer = Buffer.alloc(0);
const NONE: Buffer[] = [];

/**
 * Turns bytes, however they were split, into messages.
 * `onHeader` is called before the body of a frame is collected (the worker notes the start there).
 */
export class FrameReader {
  readonly #onMessage: (message: Message) => void;
  readonly #onHeader: ((message: Message) => void) | undefined;
  readonly #header: Buffer = Buffer.allocUnsafe(HEADER_BYTES);
  #headerBytes = 0;
  #current: Message | undefined; // its header is complete, its body is not
  #wanted = 0; // bytes of the body still to come
  #pieces: Buffer[] = [];
  #waiting: Message | undefined; // complete but for its attachments
  #missing = 0;

  constructor(onMessage: (message: Message) => void, onHeader?: (message: Message) => void) {
    this.#onMessage = onMessage;
    this.#onHeader = onHeader;
  }

  /** True between messages: at end of file, false means that a message was cut. */
  get isAtBoundary(): boolean {
    return this.#headerBytes === 0 && this.#current === undefined && this.#waiting === undefined;
  }

  /** @throws ProtocolError when the bytes are no frame; the reader must not be used after it. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#current === undefined) {
        if (this.#headerBytes === 0 && chunk.length - at >= HEADER_BYTES) {
          this.#begin(chunk, at);
          at += HEADER_BYTES;
        } else {
          const taken = chunk.copy(this.#header, this.#headerBytes, at, at + HEADER_BYTES - this.#headerBytes);
          this.#headerBytes += taken;
          at += taken;
          if (this.#headerBytes < HEADER_BYTES) return;
          this.#headerBytes = 0;
          this.#begin(this.#header, 0);
        }
      } else {
        const taken = Math.min(this.#wanted, chunk.length - at);
        this.#pieces.push(chunk.subarray(at, at + taken));
        at += taken;
        this.#wanted -= taken;
        if (this.#wanted === 0) this.#complete();
      }
    }
  }

  #begin(bytes: Buffer, at: number): void {
    const type = bytes[at + 2] as FrameType;
    const length = bytes.readUInt32LE(at + 4);
    if (bytes.readUInt16LE(at) !== MAGIC || !KNOWN_TYPES.has(type)) throw new ProtocolError('bytes that are no frame');
    if (length > MAX_BODY_BYTES) throw new ProtocolError(`a frame of ${length} bytes, over the limit of ${MAX_BODY_BYTES}`);
    if ((type === FrameType.Attachment) !== this.#missing > 0) throw new ProtocolError('an attachment out of place');
    const message: Message = {
      type,
      codec: bytes[at + 3] as number,
      seq: bytes.readDoubleLE(at + 8),
      time: bytes.readDoubleLE(at + 16),
      a: bytes.readUInt32LE(at + 24),
      b: bytes.readUInt16LE(at + 28),
      flags: bytes[at + 30] as number,
      body: EMPTY,
      attachments: NONE,
    };
    const attachments = bytes[at + 31] as number;
    if (attachments > 0) {
      if (type === FrameType.Attachment) throw new ProtocolError('an attachment with attachments');
      message.attachments = [];
      this.#waiting = message;
      this.#missing = attachments;
    }
    if (type !== FrameType.Attachment) this.#onHeader?.(message);
    this.#current = message;
    this.#wanted = length;
    if (length === 0) this.#complete();
  }

  #complete(): void {
    const message = this.#current as Message;
    this.#current = undefined;
    if (this.#pieces.length > 0) {
      message.body = ownedConcat(this.#pieces);
      this.#pieces = [];
    }
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#onMessage(message);
      return;
    }
    if (message === waiting) return;
    waiting.attachments.push(message.body);
    this.#missing -= 1;
    if (this.#missing > 0) return;
    this.#waiting = undefined;
    this.#onMessage(waiting);
  }
}

/** One exact allocation: decoded values are views of it, so it must not be shared (contract.md, fidelity). */
function ownedConcat(pieces: readonly Buffer[]): Buffer {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const whole = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
