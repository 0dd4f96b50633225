/**
 * Turns a worker's failure message into the error of the task. The worker may have written
 * anything, so every field is untrusted (G9).
 */
import { decode, describe } from '../../ipc/codec/codec.js';
import { readUnknownTaskReply, readUnserialisableReply } from '../../ipc/failure-replies.js';
import { Flag, type Message } from '../../ipc/frame.js';
import { SerializationError } from '../../shared/errors.js';
import type { TaskRecord } from '../task/task-record.js';
import { aboutTask, unknownTask } from './error-messages.js';

/** Returns the error, and whether the task may run again because of it. */
export function thrownOf(record: TaskRecord, message: Message): { error: unknown; mayRetry: boolean } {
  let body: unknown;
  try {
    body = decode(message.codec, message.body, message.attachments);
  } catch (cause) {
    const why = `${aboutTask(record)} threw something that could not be decoded: ${describe(cause)}`;
    return { error: new SerializationError(why, { side: 'error', cause }), mayRetry: false };
  }
  if (message.flags & Flag.UnknownTask) {
    return { error: unknownTask(record.name.name, readUnknownTaskReply(body).exports), mayRetry: false };
  }
  if (message.flags & Flag.Unserialisable) {
    const { side, message: why, thrown, cause } = readUnserialisableReply(body);
    const what = thrown === undefined ? '' : ` (it threw ${thrown})`;
    return { error: new SerializationError(`${aboutTask(record)}: ${why}${what}`, { side, cause }), mayRetry: false };
  }
  if (message.flags & Flag.Undecodable) {
    const why = `${aboutTask(record)}: its arguments could not be decoded in the worker: ${describe(body)}`;
    return { error: new SerializationError(why, { side: 'arguments', cause: body }), mayRetry: false };
  }
  return { error: body, mayRetry: true };
}
