/** The parent's end of one worker's channel: messages out, several in one write; bytes in, as messages. */
import type { WorkerProcess } from '../shared/platform.js';
import { describe } from './codec/refusal.js';
import { checkBuffers, type FrameHeader, type Message, ProtocolError } from './frame.js';
import { FrameReader } from './frame-reader.js';
import { FrameWriter } from './frame-writer.js';

export class FramedChannel {
  readonly #process: WorkerProcess;
  readonly #reader: FrameReader;
  readonly #writer = new FrameWriter();
  #fault: ProtocolError | undefined;
  #isTold = false;

  constructor(process: WorkerProcess, onMessage: (message: Message) => void) {
    this.#process = process;
    this.#reader = new FrameReader(onMessage);
  }

  /** Adds a message to the next `flush`. */
  add(header: FrameHeader, body?: string | Buffer, attachments?: readonly Buffer[]): void {
    try {
      this.#writer.add(header, body, attachments);
    } catch (error) {
      this.#spoil('written', error);
    }
  }

  /** False, once, when a message could not be written: whatever went wrong, what the worker would read is not what was meant. */
  flush(): boolean {
    if (this.#fault !== undefined) return this.#tell();
    if (this.#writer.isEmpty) return true;
    try {
      checkBuffers();
      const isWritten = this.#process.send(this.#writer.take());
      if (isWritten) this.#writer.recycle();
      else this.#writer.renew();
      return true;
    } catch (error) {
      this.#spoil('written', error);
      return this.#tell();
    }
  }

  /** Where the next bytes belong, in the middle of a large message. */
  get receiveBuffer(): Buffer | undefined {
    if (this.#fault !== undefined) return undefined;
    try {
      return this.#reader.receiveBuffer;
    } catch (error) {
      this.#spoil('read', error);
      return undefined;
    }
  }

  /** What is no message, and came or was to be sent: from then on nothing is believed, and nothing sent. */
  get fault(): ProtocolError | undefined {
    return this.#fault;
  }

  /** The first `bytes` of `chunk` came. False, once, if they are no message: where the next one begins is lost with them. */
  receive(chunk: Buffer, bytes: number): boolean {
    if (this.#fault !== undefined) return this.#tell();
    try {
      this.#reader.push(bytes === chunk.length ? chunk : chunk.subarray(0, bytes));
      return true;
    } catch (error) {
      this.#spoil('read', error);
      return this.#tell();
    }
  }

  #spoil(how: 'read' | 'written', error: unknown): void {
    this.#fault ??=
      error instanceof ProtocolError ? error : new ProtocolError(`it could not be ${how}: ${describe(error)}`, { cause: error });
  }

  #tell(): boolean {
    const isTold = this.#isTold;
    this.#isTold = true;
    return isTold;
  }
}
