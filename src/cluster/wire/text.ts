/**
 * An encoded value as text, as the store keeps it. The first character is the codec; text is kept
 * as it is, bytes are base64. Nothing is decoded here: a host passes values on unread.
 */
import { Codec, type Encoded } from '../../ipc/codec/codec.js';

const MARKS = 'ujvc';
const SEPARATOR = ':';

/** The length of the result is the size that `payloadLimit` bounds. */
export function toText({ codec, body, attachments }: Encoded): string {
  const mark = MARKS[codec] as string;
  if (codec === Codec.Undefined) return mark;
  if (codec === Codec.Json) return mark + (typeof body === 'string' ? body : (body as Buffer).toString('utf8'));
  return mark + [body as Buffer, ...attachments].map((bytes) => bytes.toString('base64')).join(SEPARATOR);
}

/** @returns undefined if `toText` cannot have made the text */
export function fromText(text: unknown): Encoded | undefined {
  if (typeof text !== 'string' || text === '') return undefined;
  const codec = MARKS.indexOf(text.charAt(0));
  if (codec < 0) return undefined;
  const rest = text.slice(1);
  const bytes = rest.length;
  if (codec === Codec.Undefined) return rest === '' ? { codec, body: undefined, attachments: [], bytes } : undefined;
  if (codec === Codec.Json) return { codec, body: rest, attachments: [], bytes };
  const [body, ...attachments] = rest.split(SEPARATOR).map((part) => Buffer.from(part, 'base64'));
  if (codec === Codec.V8 && attachments.length > 0) return undefined;
  return { codec, body: body as Buffer, attachments, bytes };
}
