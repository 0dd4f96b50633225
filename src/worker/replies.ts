/**
 * Everything that the worker says. Each reply is written in full before the call returns: before the
 * next attempt is noted as started (G2), and before anything can keep it from its caller (G11).
 */
import { describe, type Encoded, encode, UnserialisableError } from '../ipc/codec/codec.js';
import { Flag, FrameType } from '../ipc/frame.js';
import { FrameWriter } from '../ipc/frame-writer.js';
import { sizeOf } from '../ipc/stream-window.js';
import { SerializationError } from '../shared/errors.js';
import type { Attempt } from './attempt.js';
import type { WorkerPlatform } from './platform.js';

/** Each reply is written before anything else runs: what it shows of the program's memory cannot change meanwhile. */
const SENT_NOW = true;

type Side = 'result' | 'error' | 'progress';

/** One header for all: a reply a microsecond is no place for an object each. */
interface Header {
  type: FrameType;
  codec: number;
  seq: number;
  time: number;
  a: number;
  flags: number;
}

export class Replies {
  readonly #platform: WorkerPlatform;
  readonly #writer = new FrameWriter();
  readonly #header: Header = { type: FrameType.Result, codec: 0, seq: 0, time: 0, a: 0, flags: 0 };

  constructor(platform: WorkerPlatform) {
    this.#platform = platform;
  }

  result(attempt: Attempt, value: unknown): void {
    let encoded: Encoded;
    try {
      encoded = encode(value, 'result', SENT_NOW);
    } catch (error) {
      this.#unserialisable(attempt, 'result', error);
      return;
    }
    this.#settle(FrameType.Result, attempt, encoded, 0);
  }

  /** What the task threw, be it what it may. */
  failure(attempt: Attempt, thrown: unknown): void {
    const { fault } = attempt;
    if (fault !== undefined && fault.error === thrown) {
      this.#unserialisable(attempt, fault.side, fault.cause);
      return;
    }
    let encoded: Encoded;
    try {
      encoded = encode(thrown, 'error', SENT_NOW);
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

  unknownTask(attempt: Attempt, name: string, exports: string[]): void {
    this.#settle(FrameType.Failure, attempt, encode({ name, exports }), Flag.UnknownTask);
  }

  /** @throws SerializationError when the value cannot be cloned */
  progress(attempt: Attempt, value: unknown): void {
    let encoded: Encoded;
    try {
      encoded = encode(value, 'progress', SENT_NOW);
    } catch (cause) {
      const { message } = faultOf(cause, 'progress');
      const error = new SerializationError(`progress() cannot send ${message}`, { side: 'progress', cause });
      attempt.fault = { side: 'progress', error, cause };
      throw error;
    }
    this.#send(FrameType.Progress, attempt.seq, this.#platform.now(), 0, 0, encoded);
  }

  /** One value of a stream; gives its size. @throws the codec's error when it cannot be cloned */
  value(attempt: Attempt, value: unknown): number {
    let encoded: Encoded;
    try {
      encoded = encode(value, 'value', SENT_NOW);
    } catch (cause) {
      attempt.fault = { side: 'result', error: cause, cause };
      throw cause;
    }
    this.#send(FrameType.Value, attempt.seq, this.#platform.now(), 0, 0, encoded);
    return sizeOf(encoded.body, encoded.attachments);
  }

  /** The ends of some items of a chunk. */
  portion(attempt: Attempt, encoded: Encoded): void {
    this.#send(FrameType.Value, attempt.seq, this.#platform.now(), 0, 0, encoded);
  }

  started(seq: number): void {
    this.#send(FrameType.Started, seq, this.#platform.now());
  }
  dropped(seq: number): void {
    this.#send(FrameType.Dropped, seq, this.#platform.now());
  }
  pong(seq: number, time: number): void {
    this.#send(FrameType.Pong, seq, time);
  }
  memory(rssBytes: number): void {
    this.#send(FrameType.Memory, 0, this.#platform.now(), Math.round(rssBytes / 1024));
  }
  ready(exports: string[]): void {
    this.#send(FrameType.Ready, 0, this.#platform.now(), 0, 0, encode(exports));
  }
  bootFailed(error: unknown): void {
    this.#send(FrameType.BootFailed, 0, this.#platform.now(), 0, 0, encodeError(error));
  }

  #unserialisable(attempt: Attempt, side: Side, error: unknown, thrown?: string): void {
    const { path, message, cause } = faultOf(error, side);
    const body: Record<string, unknown> = { side, path, message };
    if (thrown !== undefined) body['thrown'] = thrown;
    let encoded: Encoded | undefined;
    if (cause !== undefined) {
      try {
        encoded = encode({ ...body, cause });
      } catch {
        // The cause is what a getter of the user's threw; if not even that can be sent, the message must do.
      }
    }
    this.#settle(FrameType.Failure, attempt, encoded ?? encode(body), Flag.Unserialisable);
  }

  #settle(type: FrameType, attempt: Attempt, encoded: Encoded, flags: number): void {
    attempt.isSettled = true;
    const time = this.#platform.now();
    this.#send(type, attempt.seq, time, microseconds(time - attempt.startedAt), flags, encoded);
  }

  #send(type: FrameType, seq: number, time: number, a = 0, flags = 0, encoded?: Encoded): void {
    const header = this.#header;
    header.type = type;
    header.codec = encoded === undefined ? 0 : encoded.codec;
    header.seq = seq;
    header.time = time;
    header.a = a;
    header.flags = flags;
    if (encoded === undefined) this.#writer.add(header);
    else this.#writer.add(header, encoded.body, encoded.attachments);
    this.#platform.send(this.#writer.take());
    this.#writer.recycle();
  }
}

function faultOf(error: unknown, root: Side): { path: string; message: string; cause: unknown } {
  if (error instanceof UnserialisableError) return { path: error.path, message: error.message, cause: error.cause };
  return { path: root, message: describe(error), cause: undefined };
}

/** Of the worker's own faults and the user's broken errors: never throws. */
function encodeError(error: unknown): Encoded {
  try {
    return encode(error);
  } catch {
    return encode(new Error(describe(error)));
  }
}

function microseconds(ms: number): number {
  return ms > 0 ? Math.min(Math.round(ms * 1000), 0xffff_ffff) : 0;
}
