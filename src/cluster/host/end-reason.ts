/** Reads the message that asks a host to end a task. It may be anything: who sent it is unknown. */
import { decode } from '../../ipc/codec/codec.js';
import { type EndMessage, readEnd } from '../wire/messages.js';
import type { Seals } from '../wire/seal.js';
import { fromText } from '../wire/text.js';

/** A reason is a sentence, or an error: what is longer is dropped; the task still ends. */
const MOST_REASON_CHARS = 65_536;
const MOST_MESSAGE_CHARS = 4 * MOST_REASON_CHARS;

export interface End {
  readonly id: string;
  readonly how: EndMessage['how'];
  readonly reason: unknown;
}

/**
 * @param isHere most messages are for other hosts, so their reasons are not decoded
 * @returns undefined if it is none, not sealed with a valid secret, or for another host
 */
export function readEndWithReason(message: unknown, seals: Seals, isHere: (id: string) => boolean): End | undefined {
  if (typeof message === 'string' && message.length > MOST_MESSAGE_CHARS) return undefined;
  const end = readEnd('end', message, seals);
  return end === undefined || !isHere(end.id) ? undefined : { id: end.id, how: end.how, reason: reasonOf(end.reason) };
}

function reasonOf(text: string): unknown {
  if (text === '' || text.length > MOST_REASON_CHARS) return undefined;
  const encoded = fromText(text);
  if (encoded === undefined) return undefined;
  try {
    return decode(encoded.codec, encoded.body ?? '', encoded.attachments);
  } catch {
    return undefined; // the reason is hostile, or of another version; the end is not
  }
}
