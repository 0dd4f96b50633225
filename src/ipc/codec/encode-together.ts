/**
 * Values that travel in one message: each is what it was when `kept` was called, and none shares anything with another, as if each had been
 * sent by itself. (A generator may give the same object again and again, a task may return the same Buffer each time.)
 */
import { Codec, decode, type Encoded, encode } from './codec.js';

/** An object, by its text. */
class Text {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

/** An object that JSON does not give back, by a copy that nobody else has. */
class Copy {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/**
 * What stands for an object until it is sent; what is none cannot change, and need not be kept.
 * @throws UnserialisableError naming the path
 */
export function kept(value: unknown, root: string): unknown {
  const { codec, body, attachments } = encode(value, root);
  return codec === Codec.Json ? new Text(body as string) : new Copy(decode(codec, body ?? '', attachments));
}

/** The value of what `kept` gave, or of what was kept as it is. */
export function opened(each: unknown): unknown {
  if (each instanceof Copy) return each.value;
  return each instanceof Text ? JSON.parse(each.json) : each;
}

/**
 * @param list values, and what stands for objects
 * @param wrap what is sent, around the list of values
 * @param frame the same in JSON, around the text of the list, if JSON can do that
 * @throws UnserialisableError when it is too much, or too deep, for one message
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

/** Undefined where one of them is nothing that JSON gives back. */
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
