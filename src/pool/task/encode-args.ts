/** The arguments of a task, as they are sent. */
import { describe, type Encoded, encode, NO_ARGS, UnserialisableError } from '../../ipc/codec/codec.js';
import { SerializationError } from '../../shared/errors.js';

/** @throws SerializationError that names the path of the value */
export function encodeArgs(name: string, args: readonly unknown[]): Encoded {
  if (args.length === 0) return NO_ARGS;
  try {
    return encode(args, 'args');
  } catch (cause) {
    const text = cause instanceof UnserialisableError ? cause.message : describe(cause);
    throw new SerializationError(`the arguments of ${name} cannot be sent to a worker: ${text}`, { side: 'arguments', cause });
  }
}
