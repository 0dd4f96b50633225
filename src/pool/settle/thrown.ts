/** What a task has thrown, as its worker tells it. The worker may have written anything (G9). */
import { decode, describe } from '../../ipc/codec/codec.js';
import { Flag, type Message } from '../../ipc/frame.js';
import { SerializationError } from '../../shared/errors.js';
import type { TaskRecord } from '../task/task-record.js';
import { aboutTask, unknownTask } from './error-messages.js';

/** What a worker says of a value that it cannot send (worker/replies.ts). */
interface UnserialisableReply {
  readonly side: 'result' | 'error' | 'progress';
  readonly message: string;
  /** A description of what the task threw. */
  readonly thrown?: string;
  readonly cause?: unknown;
}

const SIDES: readonly UnserialisableReply['side'][] = ['result', 'error', 'progress'];

/** Whether the task may be started again for it is `mayRetry`. */
export function thrownOf(record: TaskRecord, message: Message): { error: unknown; mayRetry: boolean } {
  let body: unknown;
  try {
    body = decode(message.codec, message.body, message.attachments);
  } catch (cause) {
    const why = `${aboutTask(record)} threw something that could not be decoded: ${describe(cause)}`;
    return { error: new SerializationError(why, { side: 'error', cause }), mayRetry: false };
  }
  if (message.flags & Flag.UnknownTask) {
    const { exports } = Object(body) as { exports?: unknown };
    return { error: unknownTask(record.name.name, Array.isArray(exports) ? Array.from(exports, text) : []), mayRetry: false };
  }
  if (message.flags & Flag.Unserialisable) {
    const { side, message: why, thrown, cause } = Object(body) as UnserialisableReply;
    const what = thrown === undefined ? '' : ` (it threw ${text(thrown)})`;
    const options = { side: SIDES.includes(side) ? side : 'result', cause };
    return { error: new SerializationError(`${aboutTask(record)}: ${text(why)}${what}`, options), mayRetry: false };
  }
  if (message.flags & Flag.Undecodable) {
    const why = `${aboutTask(record)}: its arguments could not be decoded in the worker: ${describe(body)}`;
    return { error: new SerializationError(why, { side: 'arguments', cause: body }), mayRetry: false };
  }
  return { error: body, mayRetry: true };
}

/** Of what a worker wrote, which may be anything (G9). */
function text(value: unknown): string {
  return typeof value === 'string' ? value : describe(value);
}
