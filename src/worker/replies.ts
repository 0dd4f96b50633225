/**
 * Every message that the worker sends. Each is written in full before the call returns: before the
 * next attempt is recorded as started (G2), and before anything can keep it from its caller (G11).
 */
import { describe, type Encoded, encode, UnserialisableError } from '../ipc/codec/codec.js';
import type { UnknownTaskReply, UnserialisableReply, ValueSide } from '../ipc/failure-replies.js';
import { Flag, type FrameHeader, FrameType } from '../ipc/frame.js';
import { FrameWriter } from '../ipc/frame-writer.js';
import { memoryMessage, replyMessage, starvedMessage } from '../ipc/messages.js';
import { sizeOf } from '../ipc/stream-window.js';
import { SerializationError } from '../shared/errors.js';
import type { Attempt } from './attempt.js';
import type { WorkerPlatform } from './platform.js';

/**
 * Each message is written before any other code runs, so large binary data need not be copied
 * first.
 */
const IS_LENT = true;

export class Replies {
  readonly #platform: WorkerPlatform;
  readonly #writer = new FrameWriter();

  constructor(platform: WorkerPlatform) {
    this.#platform = platform;
  }

  result(attempt: Attempt, value: unknown): void {
    let encoded: Encoded;
    try {
      encoded = encode(value, 'result', IS_LENT);
    } catch (error) {
      this.#unserialisable(attempt, 'result', error);
      return;
    }
    this.#settle(FrameType.Result, attempt, encoded, 0);
  }

  /** @param thrown what the task threw: any value */
  failure(attempt: Attempt, thrown: unknown): void {
    const { fault } = attempt;
    if (fault !== undefined && fault.error === thrown) {
      this.#unserialisable(attempt, fault.side, fault.cause);
      return;
    }
    let encoded: Encoded;
    try {
      encoded = encode(thrown, 'error', IS_LENT);
    } catch (error) {
      this.#unserialisable(attempt, 'error', error, describe(thrown));
      return;
    }
    this.#settle(FrameType.Failure, attempt, encoded, 0);
  }

  /** The arguments could not be decoded. */
  undecodable(attempt: Attempt, error: unknown): void {
    this.#settle(FrameType.Failure, attempt, encodeError(error), Flag.Undecodable);
  }

  unknownTask(attempt: Attempt, exports: readonly string[]): void {
    const reply: UnknownTaskReply = { exports };
    this.#settle(FrameType.Failure, attempt, encode(reply), Flag.UnknownTask);
  }

  /** @throws SerializationError when the value cannot be cloned */
  progress(attempt: Attempt, value: unknown): void {
    let encoded: Encoded;
    try {
      encoded = encode(value, 'progress', IS_LENT);
    } catch (cause) {
      const { message } = faultOf(cause);
      const error = new SerializationError(`progress() cannot send ${message}`, { side: 'progress', cause });
      attempt.fault = { side: 'progress', error, cause };
      throw error;
    }
    this.#say(FrameType.Progress, attempt.seq, encoded);
  }

  /**
   * Sends one value of a stream and returns its size in bytes.
   * @throws the codec's error when it cannot be cloned
   */
  value(attempt: Attempt, value: unknown): number {
    let encoded: Encoded;
    try {
      encoded = encode(value, 'value', IS_LENT);
    } catch (cause) {
      attempt.fault = { side: 'result', error: cause, cause };
      throw cause;
    }
    this.#say(FrameType.Value, attempt.seq, encoded);
    return sizeOf(encoded.body, encoded.attachments);
  }

  /** Sends the outcomes of some items of a chunk (ipc/chunk-body.ts). */
  portion(attempt: Attempt, encoded: Encoded): void {
    this.#say(FrameType.Value, attempt.seq, encoded);
  }

  started(seq: number): void {
    this.#say(FrameType.Started, seq);
  }
  dropped(seq: number): void {
    this.#say(FrameType.Dropped, seq);
  }
  /** @param recalls the number of Recalled that the worker has received */
  starved(recalls: number): void {
    this.#send(starvedMessage(recalls), undefined);
  }
  pong(question: number): void {
    this.#say(FrameType.Pong, question);
  }
  memory(rssBytes: number): void {
    this.#send(memoryMessage(this.#platform.now(), rssBytes), undefined);
  }
  ready(exports: string[]): void {
    this.#say(FrameType.Ready, 0, encode(exports));
  }
  bootFailed(error: unknown): void {
    this.#say(FrameType.BootFailed, 0, encodeError(error));
  }

  #unserialisable(attempt: Attempt, side: ValueSide, error: unknown, thrown?: string): void {
    const { message, cause } = faultOf(error);
    const reply: UnserialisableReply = thrown === undefined ? { side, message } : { side, message, thrown };
    let encoded: Encoded | undefined;
    if (cause !== undefined) {
      try {
        encoded = encode({ ...reply, cause });
      } catch {
        // The cause is what a getter of the user's threw. If not even that can be sent, the message
        // must do.
      }
    }
    this.#settle(FrameType.Failure, attempt, encoded ?? encode(reply), Flag.Unserialisable);
  }

  #settle(type: FrameType, attempt: Attempt, encoded: Encoded, flags: number): void {
    attempt.isSettled = true;
    const now = this.#platform.now();
    this.#send(replyMessage(type, encoded.codec, attempt.seq, now, now - attempt.startedAt, flags), encoded);
  }

  #say(type: FrameType, seq: number, encoded?: Encoded): void {
    this.#send(replyMessage(type, encoded === undefined ? 0 : encoded.codec, seq, this.#platform.now()), encoded);
  }

  #send(header: FrameHeader, encoded: Encoded | undefined): void {
    if (encoded === undefined) this.#writer.add(header);
    else this.#writer.add(header, encoded.body, encoded.attachments);
    this.#platform.send(this.#writer.take());
    this.#writer.recycle();
  }
}

/** Why a value could not be sent, and what a getter of it threw. */
export function faultOf(error: unknown): { message: string; cause: unknown } {
  if (error instanceof UnserialisableError) return { message: error.message, cause: error.cause };
  return { message: describe(error), cause: undefined };
}

/** Never throws, although the error may be any value that the module threw. */
function encodeError(error: unknown): Encoded {
  try {
    return encode(error);
  } catch {
    return encode(new Error(describe(error)));
  }
}
