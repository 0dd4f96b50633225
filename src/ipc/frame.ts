/**
 * Frames: the bytes on the channel between the parent and one worker.
 *
 * Every frame has a header of 32 bytes and a body of `length` bytes:
 *
 *   offset 0   u16  MAGIC: bytes that are not a frame are recognised immediately
 *          2   u8   type
 *          3   u8   codec of the body (codec.ts)
 *          4   u32  length of the body
 *          8   f64  seq: the attempt (ControlFile in platform.ts numbers them); 0: none
 *         16   f64  time: when the worker sent the message, on the shared monotonic clock
 *         24   u32  a
 *         28   u16  b
 *         30   u8   flags
 *         31   u8   attachments: the number of Attachment frames that follow
 *
 * `time`, `a` and `b` mean something else in each type of message: messages.ts names them.
 *
 * The attempt is in the header, so a body that cannot be read still names its task. A length alone
 * never allocates memory: a body is collected as its bytes arrive (G12).
 */

export const HEADER_BYTES = 32;
export const MAGIC = 0xe9f1;
/** The codec whose bodies are text (codec.ts). */
export const TEXT = 1;
/** The largest body: Node's limit for one Buffer write, 2 GiB - 1. */
export const MAX_BODY_BYTES = 0x7fff_ffff;
export const MAX_ATTACHMENTS = 255;

export const FrameType = {
  /** Either way: bytes that belong to the message before them. */
  Attachment: 1,

  // parent to worker
  /** Starts the worker. The body is a BootInfo (boot-info.ts). */
  Boot: 10,
  /** Gives the name of a task a number. */
  Define: 11,
  /** Runs one attempt. The body is the list of arguments, unless a flag says otherwise. */
  Run: 12,
  /** Fires the signal of an attempt. The body is the reason, if the program gave one. */
  Abort: 13,
  /** Asks for a Pong. */
  Ping: 14,
  /** The worker finishes what it runs, calls its stop hooks and exits. */
  Leave: 15,
  /** Exits as task code could (a fault for `everpool/testing`). */
  Exit: 16,
  /** The reader of a stream has taken values. */
  Taken: 17,
  /** Offers were recalled: some attempts are withdrawn, the others are offered again. */
  Recalled: 18,

  // worker to parent
  /** The worker has booted. The body is the list of names that the task module exports. */
  Ready: 30,
  /** The body is what the task module or a start hook threw. */
  BootFailed: 31,
  /** The attempt has started. Sent only if the Run has Flag.WantStarted. */
  Started: 32,
  /** The attempt has succeeded. The body is the value. */
  Result: 33,
  /** The attempt has failed. The body is what the task threw, unless a flag says otherwise. */
  Failure: 34,
  /** The attempt was skipped: the next offer was that of a later one. */
  Dropped: 35,
  /** The body is one value of `context().progress`. */
  Progress: 36,
  Pong: 37,
  /** The resident memory of the worker, where the parent cannot read it. */
  Memory: 38,
  /**
   * The body is one value of a stream, or the outcomes of some items of a chunk (chunk-body.ts).
   */
  Value: 39,
  /** There is no offer, although attempts wait. */
  Starved: 40,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Enough for any list of exported names. */
const MAX_NAMES_BYTES = 16 * 1024 * 1024;
const BODY_LIMITS: number[] = Array.from({ length: 256 }, () => -1);
for (const type of Object.values(FrameType)) BODY_LIMITS[type] = MAX_BODY_BYTES;
for (const type of ['Ping', 'Leave', 'Exit', 'Taken', 'Recalled', 'Started', 'Dropped', 'Starved', 'Pong', 'Memory'] as const)
  BODY_LIMITS[FrameType[type]] = 0;
BODY_LIMITS[FrameType.Ready] = MAX_NAMES_BYTES;

/**
 * The largest body of a frame, by type; -1: there is no such type. A message that fits into its
 * header has no body, so that it costs no memory (G12).
 */
export const bodyLimits: readonly number[] = BODY_LIMITS;

export const Flag = {
  /** Run: reply Started as soon as the attempt starts. */
  WantStarted: 1,
  /** Run: the body is [source, args] of `exec`. */
  Exec: 2,
  /**
   * Failure: the value could not be sent; the body is an UnserialisableReply (failure-replies.ts).
   */
  Unserialisable: 4,
  /** Failure: the module exports no such function; the body is an UnknownTaskReply. */
  UnknownTask: 8,
  /** Failure: the arguments could not be decoded in the worker; the body is the error. */
  Undecodable: 16,
  /** Run, of a chunk: the outcome of each item is sent before the next item starts. */
  Exact: 32,
  /** Run: the task returns an iterable, each value of which is sent as a Value. */
  Stream: 64,
  /** Run: the body is a ChunkBody (chunk-body.ts); the outcomes of its items are sent as Values. */
  Chunk: 128,
} as const;

/** What `writeHeader` writes; a missing number is 0. */
export interface FrameHeader {
  readonly type: FrameType;
  readonly codec?: number;
  readonly seq?: number;
  readonly time?: number;
  readonly a?: number;
  readonly b?: number;
  readonly flags?: number;
}

interface MessageFields {
  codec: number;
  seq: number;
  time: number;
  a: number;
  b: number;
  flags: number;
  body: Buffer | string;
  attachments: Buffer[];
}

/** A message of these types. All types have the same fields, so V8 sees one shape of object. */
export type MessageOf<T extends FrameType> = T extends FrameType ? MessageFields & { readonly type: T } : never;

/**
 * A message as it arrived: one frame and its attachments. Buffers own their memory; a body of text
 * may have been decoded already.
 */
export type Message = MessageOf<FrameType>;

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

const MEMORY: ArrayBuffer = new ArrayBuffer(1);
/**
 * Declared as `object`, because the build captures the properties of typed arrays at import
 * (scripts/capture.js).
 */
const PROBE: object = new Uint8Array(MEMORY);

/**
 * Node itself reads these properties of every buffer. If the program has replaced them, no byte
 * that is read or written can be trusted.
 */
export function checkBuffers(): void {
  const { length, byteLength, byteOffset, buffer } = PROBE as Record<string, unknown>;
  if (length === 1 && byteLength === 1 && byteOffset === 0 && buffer === MEMORY) return;
  throw new ProtocolError('the properties of typed arrays were replaced in this process: nothing can be read or written any more');
}

/**
 * Writes a header for a body of `length` bytes into `target` at `offset`. Through a DataView,
 * because V8 compiles each of its calls to one instruction.
 */
export function writeHeader(target: DataView, offset: number, header: FrameHeader, length: number, attachments = 0): void {
  target.setUint16(offset, MAGIC, true);
  target.setUint8(offset + 2, header.type);
  target.setUint8(offset + 3, header.codec ?? 0);
  target.setUint32(offset + 4, length, true);
  target.setFloat64(offset + 8, header.seq ?? 0, true);
  target.setFloat64(offset + 16, header.time ?? 0, true);
  target.setUint32(offset + 24, header.a ?? 0, true);
  target.setUint16(offset + 28, header.b ?? 0, true);
  target.setUint8(offset + 30, header.flags ?? 0);
  target.setUint8(offset + 31, attachments);
}

export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
