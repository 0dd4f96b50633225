/**
 * The parent's end of a worker's channel: turns messages into bytes, several in one write, and
 * bytes into messages.
 */
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
  #isReported = false;

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

  /**
   * Returns false, once, if a message could not be written: the worker would then read something
   * else than was meant.
   */
  flush(): boolean {
    if (this.#fault !== undefined) return this.#report();
    if (this.#writer.isEmpty) return true;
    try {
      checkBuffers();
      const isWritten = this.#process.send(this.#writer.take());
      if (isWritten) this.#writer.recycle();
      else this.#writer.renew();
      return true;
    } catch (error) {
      this.#spoil('written', error);
      return this.#report();
    }
  }

  /** The memory for the next bytes, in the middle of a large message. */
  get receiveBuffer(): Buffer | undefined {
    if (this.#fault !== undefined) return undefined;
    try {
      return this.#reader.receiveBuffer;
    } catch (error) {
      this.#spoil('read', error);
      return undefined;
    }
  }

  /**
   * Why the bytes of a message could not be read or written. From then on nothing is read or sent.
   */
  get fault(): ProtocolError | undefined {
    return this.#fault;
  }

  /**
   * The first `bytes` of `chunk` have arrived. Returns false, once, if they are not messages: then
   * the beginning of the next message is lost as well.
   */
  receive(chunk: Buffer, bytes: number): boolean {
    if (this.#fault !== undefined) return this.#report();
    try {
      this.#reader.push(bytes === chunk.length ? chunk : chunk.subarray(0, bytes));
      return true;
    } catch (error) {
      this.#spoil('read', error);
      return this.#report();
    }
  }

  #spoil(how: 'read' | 'written', error: unknown): void {
    this.#fault ??=
      error instanceof ProtocolError ? error : new ProtocolError(`a message could not be ${how}: ${describe(error)}`, { cause: error });
  }

  /** False the first time. */
  #report(): boolean {
    const isReported = this.#isReported;
    this.#isReported = true;
    return isReported;
  }
}
