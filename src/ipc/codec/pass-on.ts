/**
 * Encoded values that this process only passes on, and never reads: bytes that the sender made in
 * another process, and that only their receiver decodes.
 */
import { MAX_ATTACHMENTS, MAX_BODY_BYTES } from '../frame.js';
import { Codec, type Encoded } from './codec.js';

const NONE: readonly Buffer[] = [];

/**
 * The value as an Encoded that may be sent again. Text may also be in a Buffer. The memory stays
 * where it is: nothing is copied.
 * @throws Error if its outside shows that `encode` cannot have made it, or if it does not fit into
 * a message
 */
export function passOn(codec: number, body: string | Buffer | undefined, attachments: readonly Buffer[]): Encoded {
  const length = body === undefined ? 0 : body.length;
  switch (codec) {
    case Codec.Undefined:
      if (length > 0) throw new Error('undefined with a body');
      break;
    case Codec.Json:
      break;
    case Codec.V8:
    case Codec.Composite:
      if (typeof body === 'string') throw new Error(`text in codec ${codec}`);
      break;
    default:
      throw new Error(`a value in unknown codec ${codec}`);
  }
  if (length === 0 && codec !== Codec.Undefined) throw new Error(`codec ${codec} without a body`);
  if (attachments.length > (codec === Codec.Composite ? MAX_ATTACHMENTS : 0)) throw new Error(`too many attachments for codec ${codec}`);
  let bytes = length;
  for (const attachment of attachments) {
    if (attachment.length > MAX_BODY_BYTES) throw new Error('an attachment that is too large for a message');
    bytes += attachment.length;
  }
  if (length > MAX_BODY_BYTES) throw new Error('a body that is too large for a message');
  return { codec, body: length === 0 ? undefined : body, attachments: attachments.length === 0 ? NONE : attachments, bytes };
}
