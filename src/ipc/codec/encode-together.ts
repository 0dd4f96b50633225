/**
 * Several values in one message. Each arrives as it was when `kept` was called, and none shares
 * anything with another, as if each had been sent alone: a generator may yield the same object
 * repeatedly, and a task may return the same Buffer each time.
 */
import { Codec, decode, type Encoded, encode } from './codec.js';

/** An object that JSON restores, as its text. */
class Text {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

/** Any other object, as a copy that nothing else refers to. */
class Copy {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/**
 * Freezes the state of an object until it is sent. A primitive cannot change, and need not be kept.
 * @throws UnserialisableError naming the path
 */
export function kept(value: unknown, root: string): unknown {
  const { codec, body, attachments } = encode(value, root);
  return codec === Codec.Json ? new Text(body as string) : new Copy(decode(codec, body ?? '', attachments));
}

/** Undoes `kept`; returns a primitive as it is. */
export function opened(each: unknown): unknown {
  if (each instanceof Copy) return each.value;
  return each instanceof Text ? JSON.parse(each.json) : each;
}

/**
 * @param list primitives, and objects from `kept`
 * @param wrap makes the value to send of the list of values
 * @param frame makes the same in JSON of the list's text without brackets, if JSON can carry it
 * @throws UnserialisableError when the list is too large, or too deep, for one message
 */
export function encodeTogether(
  list: readonly unknown[],
  wrap: (values: readonly unknown[]) => unknown,
  frame: ((text: string) => string) | undefined,
): Encoded {
  const text = frame === undefined ? undefined : textOf(list);
  if (frame === undefined || text === undefined) return encode(wrap(list.map(opened)));
  const body = frame(text);
  return { codec: Codec.Json, body, attachments: [], bytes: body.length };
}

/** Undefined if JSON would not restore one of the values. */
function textOf(list: readonly unknown[]): string | undefined {
  const texts: string[] = [];
  for (const each of list) {
    if (each instanceof Text) texts.push(each.json);
    else if (each === undefined || each instanceof Copy || typeof each === 'bigint' || (typeof each === 'number' && !isExact(each)))
      return undefined;
    else texts.push(JSON.stringify(each));
  }
  return texts.join(',');
}

function isExact(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0);
}
