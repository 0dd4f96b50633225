/** The parent's end of one worker's channel: messages out, several in one write; bytes in, as messages. */
import type { WorkerProcess } from '../shared/doors.js';
import { describe } from './codec-refusal.js';
import { type FrameHeader, type Message, ProtocolError } from './frame.js';
import { FrameReader } from './frame-reader.js';
import { FrameWriter } from './frame-writer.js';

export class Link {
  readonly #process: WorkerProcess;
  readonly #reader: FrameReader;
  readonly #writer = new FrameWriter();
  #fault: ProtocolError | undefined;

  constructor(process: WorkerProcess, onMessage: (message: Message) => void) {
    this.#process = process;
    this.#reader = new FrameReader(onMessage);
  }

  /** Adds a message to the next `flush`. */
  add(header: FrameHeader, body?: string | Buffer, attachments?: readonly Buffer[]): void {
    this.#writer.add(header, body, attachments);
  }

  flush(): void {
    if (this.#writer.isEmpty) return;
    const isWritten = this.#process.send(this.#writer.take());
    if (isWritten) this.#writer.recycle();
    else this.#writer.renew();
  }

  /** Where the next bytes belong, in the middle of a large message. */
  get room(): Buffer | undefined {
    return this.#fault === undefined ? this.#reader.room : undefined;
  }

  /** What came that is no message: from then on nothing is believed. */
  get fault(): ProtocolError | undefined {
    return this.#fault;
  }

  /** Bytes that came. False, once, if they are no message. */
  receive(chunk: Buffer): boolean {
    if (this.#fault !== undefined) return true;
    try {
      this.#reader.push(chunk);
      return true;
    } catch (error) {
      // Whatever it is, the rest of these bytes is lost, and with it where the next message begins.
      this.#fault =
        error instanceof ProtocolError ? error : new ProtocolError(`it could not be read: ${describe(error)}`, { cause: error });
      return false;
    }
  }
}
