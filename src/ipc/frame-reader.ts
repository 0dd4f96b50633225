import { FrameType, HEADER_BYTES, isKnownType, MAGIC, MAX_BODY_BYTES, type Message, ProtocolError, TEXT, viewOf } from './frame.js';

const EMPTY: Buffer = Buffer.alloc(0);
const NONE: Buffer[] = [];

/**
 * Turns bytes, however they were split, into messages.
 * `onHeader` is called before the body of a frame is collected (the worker notes the start there).
 */
export class FrameReader {
  readonly #onMessage: (message: Message) => void;
  readonly #onHeader: ((message: Message) => void) | undefined;
  readonly #header: Buffer = Buffer.allocUnsafeSlow(HEADER_BYTES);
  readonly #headerView: DataView = viewOf(this.#header);
  #view: DataView = this.#headerView; // of the memory that the last chunk lay in
  #headerBytes = 0;
  #current: Message | undefined; // its header is complete, its body is not
  #wanted = 0; // bytes of the body still to come
  #isText = false;
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
    // A worker reads into the same memory again and again.
    if (this.#view.buffer !== chunk.buffer) this.#view = new DataView(chunk.buffer);
    const view = this.#view;
    let at = 0;
    while (at < chunk.length) {
      if (this.#current === undefined) {
        if (this.#headerBytes === 0 && chunk.length - at >= HEADER_BYTES) {
          this.#begin(view, chunk.byteOffset + at);
          at += HEADER_BYTES;
        } else {
          const taken = chunk.copy(this.#header, this.#headerBytes, at, at + HEADER_BYTES - this.#headerBytes);
          this.#headerBytes += taken;
          at += taken;
          if (this.#headerBytes < HEADER_BYTES) return;
          this.#headerBytes = 0;
          this.#begin(this.#headerView, 0);
        }
      } else if (this.#isText && this.#pieces.length === 0 && chunk.length - at >= this.#wanted) {
        // Most messages: text that is there as a whole. It needs no memory of its own.
        const end = at + this.#wanted;
        this.#current.body = textOf(chunk, at, end);
        at = end;
        this.#complete();
      } else {
        const taken = Math.min(this.#wanted, chunk.length - at);
        this.#pieces.push(chunk.subarray(at, at + taken));
        at += taken;
        this.#wanted -= taken;
        if (this.#wanted === 0) this.#complete();
      }
    }
  }

  #begin(view: DataView, at: number): void {
    const type = view.getUint8(at + 2) as FrameType;
    const length = view.getUint32(at + 4, true);
    if (view.getUint16(at, true) !== MAGIC || !isKnownType(type)) throw new ProtocolError('bytes that are no frame');
    if (length > MAX_BODY_BYTES) throw new ProtocolError(`a frame of ${length} bytes, over the limit of ${MAX_BODY_BYTES}`);
    if ((type === FrameType.Attachment) !== this.#missing > 0) throw new ProtocolError('an attachment out of place');
    const message: Message = {
      type,
      codec: view.getUint8(at + 3),
      seq: view.getFloat64(at + 8, true),
      time: view.getFloat64(at + 16, true),
      a: view.getUint32(at + 24, true),
      b: view.getUint16(at + 28, true),
      flags: view.getUint8(at + 30),
      body: EMPTY,
      attachments: NONE,
    };
    const attachments = view.getUint8(at + 31);
    if (attachments > 0) {
      if (type === FrameType.Attachment) throw new ProtocolError('an attachment with attachments');
      message.attachments = [];
      this.#waiting = message;
      this.#missing = attachments;
    }
    if (type !== FrameType.Attachment) this.#onHeader?.(message);
    this.#current = message;
    this.#isText = message.codec === TEXT && type !== FrameType.Attachment;
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
    waiting.attachments.push(message.body as Buffer);
    this.#missing -= 1;
    if (this.#missing > 0) return;
    this.#waiting = undefined;
    this.#onMessage(waiting);
  }
}

function textOf(chunk: Buffer, start: number, end: number): string {
  if (end - start === 2 && chunk[start] === 0x5b && chunk[start + 1] === 0x5d) return '[]'; // most tasks without arguments
  return chunk.toString('utf8', start, end);
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
