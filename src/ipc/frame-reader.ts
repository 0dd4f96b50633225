import { bodyLimits, checkBuffers, FrameType, HEADER_BYTES, MAGIC, type Message, ProtocolError, TEXT, viewOf } from './frame.js';

const EMPTY: Buffer = Buffer.alloc(0);
const NONE: Buffer[] = [];

/**
 * A body that arrives in parts is collected in memory that grows in steps up to its length, so that
 * a length alone allocates nothing (G12).
 */
const FIRST_STEP_BYTES = 64 * 1024;
/** With steps of this factor, growing copies a fifteenth of the body. */
const GROWTH = 16;
/** A read into less memory than this wastes a system call. */
const MIN_READ_BYTES = 32 * 1024;

/**
 * Turns bytes, however they were split, into messages. The reader keeps no part of the chunks it is
 * given. `onHeader` is called before the body of a frame is collected: the worker records a start
 * there.
 */
export class FrameReader {
  readonly #onMessage: (message: Message) => void;
  readonly #onHeader: ((message: Message) => void) | undefined;
  readonly #header: Buffer = Buffer.allocUnsafeSlow(HEADER_BYTES);
  readonly #headerView: DataView = viewOf(this.#header);
  #view: DataView = this.#headerView; // of the last chunk's memory
  #headerBytes = 0;
  #current: Message | undefined; // has its header, lacks its body
  #length = 0; // of that body
  #target: Buffer | undefined; // collects that body, if it arrives in parts
  #filled = 0;
  #waiting: Message | undefined; // lacks only attachments
  #missing = 0; // attachments

  constructor(onMessage: (message: Message) => void, onHeader?: (message: Message) => void) {
    this.#onMessage = onMessage;
    this.#onHeader = onHeader;
  }

  /** True between messages: at the end of file, false means that a message was cut off. */
  get isAtBoundary(): boolean {
    return this.#headerBytes === 0 && this.#current === undefined && this.#waiting === undefined;
  }

  /**
   * The memory for the next bytes, in the middle of a large body. Reading into it saves a copy; the
   * caller then pushes the part that it filled.
   */
  get receiveBuffer(): Buffer | undefined {
    const target = this.#target;
    if (target === undefined || target.length - this.#filled < MIN_READ_BYTES) return undefined;
    return target.subarray(this.#filled);
  }

  /**
   * @throws ProtocolError when the bytes are not a frame; the reader must not be used afterwards
   */
  push(chunk: Buffer): void {
    checkBuffers();
    if (this.#target !== undefined && chunk.buffer === this.#target.buffer) {
      this.#filled += chunk.length; // it was read into `receiveBuffer`
      if (this.#filled === this.#length) this.#complete();
      return;
    }
    // Most chunks are read into the same memory, which needs only one view.
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
      } else if (this.#target === undefined && chunk.length - at >= this.#length) {
        this.#take(this.#current, chunk, at);
        at += this.#length;
        this.#complete();
      } else {
        at += this.#collect(chunk, at);
        if (this.#filled === this.#length) this.#complete();
      }
    }
  }

  #begin(view: DataView, at: number): void {
    const type = view.getUint8(at + 2) as FrameType;
    const length = view.getUint32(at + 4, true);
    const limit = bodyLimits[type] as number;
    if (view.getUint16(at, true) !== MAGIC || limit < 0) throw new ProtocolError('bytes that are not a frame');
    if (length > limit) throw new ProtocolError(`a body of ${length} bytes in a frame of type ${type}, over the limit of ${limit}`);
    if ((type === FrameType.Attachment) !== this.#missing > 0) throw new ProtocolError('an unexpected attachment, or a missing one');
    const seq = view.getFloat64(at + 8, true);
    const time = view.getFloat64(at + 16, true);
    if (!Number.isInteger(seq) || seq < 0 || !Number.isFinite(time))
      throw new ProtocolError(`a frame of type ${type} with an invalid attempt or time`);
    const message = {
      type,
      codec: view.getUint8(at + 3),
      seq,
      time,
      a: view.getUint32(at + 24, true),
      b: view.getUint16(at + 28, true),
      flags: view.getUint8(at + 30),
      body: EMPTY,
      attachments: NONE,
    } as Message;
    const attachments = view.getUint8(at + 31);
    if (attachments > 0) {
      if (limit === 0) throw new ProtocolError(`a frame of type ${type} with attachments`);
      if (type === FrameType.Attachment) throw new ProtocolError('an attachment with attachments');
      message.attachments = [];
      this.#waiting = message;
      this.#missing = attachments;
    }
    if (type !== FrameType.Attachment) this.#onHeader?.(message);
    this.#current = message;
    this.#length = length;
    if (length === 0) this.#complete();
  }

  /**
   * Takes a body that lies in the chunk as a whole. Text needs no memory of its own; other bodies
   * do, because decoded values are views of them.
   */
  #take(message: Message, chunk: Buffer, at: number): void {
    const end = at + this.#length;
    if (message.codec === TEXT && message.type !== FrameType.Attachment) {
      message.body = textOf(chunk, at, end);
      return;
    }
    const body = Buffer.allocUnsafeSlow(this.#length);
    chunk.copy(body, 0, at, end);
    message.body = body;
  }

  /** Copies a part of the body to its place, and returns the number of bytes taken. */
  #collect(chunk: Buffer, at: number): number {
    const target = this.#memoryFor(chunk.length - at);
    const taken = chunk.copy(target, this.#filled, at, at + this.#length - this.#filled);
    this.#filled += taken;
    return taken;
  }

  /**
   * Memory for the next `bytes`: the whole body's, or the smallest step towards it that fits them.
   */
  #memoryFor(bytes: number): Buffer {
    const target = this.#target;
    const needed = Math.min(this.#filled + bytes, this.#length);
    if (target !== undefined && needed <= target.length) return target;
    let size = Math.min(this.#length, FIRST_STEP_BYTES);
    if (size < needed) {
      size = this.#length;
      while (size / GROWTH >= needed) size = Math.ceil(size / GROWTH);
    }
    this.#target = allocate(size);
    target?.copy(this.#target, 0, 0, this.#filled);
    return this.#target;
  }

  #complete(): void {
    const message = this.#current as Message;
    this.#current = undefined;
    if (this.#target !== undefined) {
      message.body = this.#target;
      this.#target = undefined;
      this.#filled = 0;
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

/**
 * @throws ProtocolError: a sender that claims more than the memory holds must end, and not its
 * reader (G9)
 */
function allocate(bytes: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(bytes);
  } catch (cause) {
    throw new ProtocolError(`not enough memory for a body of ${bytes} bytes`, { cause });
  }
}

function textOf(chunk: Buffer, start: number, end: number): string {
  if (end - start === 2 && chunk[start] === 0x5b && chunk[start + 1] === 0x5d) return '[]'; // most tasks without arguments
  return chunk.toString('utf8', start, end);
}
