/**
 * Frames: the bytes on the channel between the parent and one worker.
 *
 * Every frame is a fixed header of 32 bytes and a body of `length` bytes:
 *
 *   offset 0   u16  MAGIC: bytes that are no frame are known at once
 *          2   u8   type
 *          3   u8   codec of the body (codec.ts)
 *          4   u32  length of the body
 *          8   f64  seq: the attempt, as numbered for this worker (platform.ts, Note); 0 for none
 *         16   f64  time: Run: the task's id. Replies: when the worker sent it, on the shared monotonic clock
 *         24   u32  a: Run, Define: the name's id. Replies: run time in microseconds
 *         28   u16  b: Run: the attempt's number. Abort: the kind
 *         30   u8   flags
 *         31   u8   attachments: that many Attachment frames follow, part of this message
 *
 * The attempt stands in the header, so a body that cannot be read still names its task. Nothing is
 * ever allocated by a length alone: a body is collected as its bytes arrive.
 */

export const HEADER_BYTES = 32;
export const MAGIC = 0xe9f1;
/** The codec whose bodies are text (codec.ts). */
export const TEXT = 1;
/** The largest body: Node's limit for one Buffer write, 2 GiB - 1. */
export const MAX_BODY_BYTES = 0x7fff_ffff;
export const MAX_ATTACHMENTS = 255;

export const FrameType = {
  /** Either way: bytes that belong to the message before it. */
  Attachment: 1,
  // parent to worker
  Boot: 10,
  Define: 11,
  Run: 12,
  Abort: 13,
  Ping: 14,
  Leave: 15,
  /** Ends the process as user code could (a fault for `everpool/testing`). a: the exit code. */
  Exit: 16,
  /** a: so many values of the stream were taken. */
  Taken: 17,
  // worker to parent
  Ready: 30,
  BootFailed: 31,
  Started: 32,
  Result: 33,
  Failure: 34,
  Dropped: 35,
  Progress: 36,
  Pong: 37,
  /** a: its resident memory in KiB, where the parent cannot see it. */
  Memory: 38,
  /** One value of a stream. */
  Value: 39,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** A list of names, however long. */
const MAX_NAMES_BYTES = 16 * 1024 * 1024;
const BODY_LIMITS: number[] = Array.from({ length: 256 }, () => -1);
for (const type of Object.values(FrameType)) BODY_LIMITS[type] = MAX_BODY_BYTES;
for (const type of ['Ping', 'Leave', 'Exit', 'Taken', 'Started', 'Dropped', 'Pong', 'Memory'] as const) BODY_LIMITS[FrameType[type]] = 0;
BODY_LIMITS[FrameType.Ready] = MAX_NAMES_BYTES;

/** How long the body of a frame may be, by its type; -1: there is no such type. What says everything in its header has no body, so that it costs no memory (G12). */
export const bodyLimits: readonly number[] = BODY_LIMITS;

export const Flag = {
  /** Run: say Started as soon as it has. */
  WantStarted: 1,
  /** Run: the body is [source, args] of `exec`. */
  Exec: 2,
  /** Run, of a chunk: each item is told before the next one starts. */
  Exact: 32,
  /** Run: what it gives is iterated, and each value sent. */
  Stream: 64,
  /** Run: the body is a list of lists of arguments; each is run, and told in portions (Value). */
  Chunk: 128,
  /** Failure: what was thrown could not be carried; the body describes it (SerializationError). */
  Unserialisable: 4,
  /** Failure: the module exports no such function; the body lists what it does export. */
  UnknownTask: 8,
  /** Failure: the arguments could not be decoded in the worker. */
  Undecodable: 16,
} as const;

export interface FrameHeader {
  readonly type: FrameType;
  readonly codec?: number;
  readonly seq?: number;
  readonly time?: number;
  readonly a?: number;
  readonly b?: number;
  readonly flags?: number;
}

/** A message as it arrived: one frame and its attachments. Buffers own their memory; text may have been read already. */
export interface Message {
  type: FrameType;
  codec: number;
  seq: number;
  time: number;
  a: number;
  b: number;
  flags: number;
  body: Buffer | string;
  attachments: Buffer[];
}

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

const MEMORY: ArrayBuffer = new ArrayBuffer(1);
/** Not by its own type, or the build would make these the ones captured at import (scripts/capture.js). */
const PROBE: object = new Uint8Array(MEMORY);

/** Node itself reads these of each buffer as properties. Where a program has replaced them, no byte that comes or goes is what it seems. */
export function checkBuffers(): void {
  const { length, byteLength, byteOffset, buffer } = PROBE as Record<string, unknown>;
  if (length === 1 && byteLength === 1 && byteOffset === 0 && buffer === MEMORY) return;
  throw new ProtocolError('the properties of typed arrays were replaced in this process: nothing can be read or written any more');
}

/** Writes a header for a body of `length` bytes into `target` at `offset`. Through a DataView: V8 makes an instruction of each line. */
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
