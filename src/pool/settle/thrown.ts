/**
 * Turns a worker's failure message into the error of the task. The worker may have written
 * anything, so every field is untrusted (G9).
 */
import { decode, describe, type Encoded } from '../../ipc/codec/codec.js';
import { passOn } from '../../ipc/codec/pass-on.js';
import { readUnknownTaskReply, readUnserialisableReply } from '../../ipc/failure-replies.js';
import { Flag, type Message } from '../../ipc/frame.js';
import { SerializationError } from '../../shared/errors.js';
import { AS_BYTES, type TaskRecord } from '../task/task-record.js';
import { aboutTask, unknownTask } from './error-messages.js';

/** The worker itself says what is wrong: the body is for the pool. */
const FOR_THE_POOL: number = Flag.UnknownTask | Flag.Unserialisable | Flag.Undecodable;

/** What a task threw, as its worker sent it: for a task that takes bytes. */
export class ThrownBytes extends Error {
  readonly encoded: Encoded;

  constructor(message: string, encoded: Encoded) {
    super(message);
    this.encoded = encoded;
  }
}

/** Returns the error, and whether the task may run again because of it. */
export function thrownOf(record: TaskRecord, message: Message): { error: unknown; mayRetry: boolean } {
  const { codec, body: bytes, attachments, flags } = message;
  let body: unknown;
  try {
    if ((record.flags & AS_BYTES) === 0 || (flags & FOR_THE_POOL) !== 0) body = decode(codec, bytes, attachments);
    else body = new ThrownBytes(`${aboutTask(record)} threw`, passOn(codec, bytes, attachments));
  } catch (cause) {
    const why = `${aboutTask(record)} threw something that could not be decoded: ${describe(cause)}`;
    return { error: new SerializationError(why, { side: 'error', cause }), mayRetry: false };
  }
  if (flags & Flag.UnknownTask) {
    return { error: unknownTask(record.name.name, readUnknownTaskReply(body).exports), mayRetry: false };
  }
  if (flags & Flag.Unserialisable) {
    const { side, message: why, thrown, cause } = readUnserialisableReply(body);
    const what = thrown === undefined ? '' : ` (it threw ${thrown})`;
    return { error: new SerializationError(`${aboutTask(record)}: ${why}${what}`, { side, cause }), mayRetry: false };
  }
  if (flags & Flag.Undecodable) {
    const why = `${aboutTask(record)}: its arguments could not be decoded in the worker: ${describe(body)}`;
    return { error: new SerializationError(why, { side: 'arguments', cause: body }), mayRetry: false };
  }
  return { error: body, mayRetry: true };
}
