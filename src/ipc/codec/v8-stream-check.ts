/**
 * Checks a stream of V8's serializer before V8 reads it. V8 checks its bounds, but allocates arrays
 * by the length that they claim: 11 bytes take 250 MB, and a few hundred end the process, past
 * every catch (G9). `encode` follows the rules below, so something else wrote a stream that breaks
 * them.
 *
 * - The items that an array claims must be in the stream. A hole takes no bytes, so arrays with
 *   holes that are longer than HOLEY_ITEMS travel as records (sparse-arrays.ts).
 * - Nothing occurs that `encode` never writes: V8's own errors, ArrayBuffers, shared memory.
 *
 * A value is a tag and its data, and nested values simply follow, so no recursion is needed.
 */
import { serialize } from 'node:v8';
import { INLINE } from './binary.js';
import { hasText } from './errors.js';
import { BARE_ARRAY_ITEMS, HOLEY_ITEMS } from './sparse-arrays.js';
import { EXTENSION } from './v8-stream.js';

/**
 * The only known version of the format (Node 20 to 26). For others, V8's own checks must suffice.
 */
const VERSION = 15;
const isKnown: boolean = serialize(undefined)[1] === VERSION;

/**
 * @param hosts whether host objects may occur (v8-stream.ts)
 * @returns whether an array of more than BARE_ARRAY_ITEMS has named properties
 * @throws Error
 */
export function checkV8Stream(body: Buffer, hosts: boolean): boolean {
  if (!isKnown) return false;
  if (body[0] !== 0xff || body[1] !== VERSION) throw new Error('a value in an unknown format');
  return new StreamCheck(body, hosts).run();
}

class StreamCheck {
  readonly #bytes: Buffer;
  readonly #hosts: boolean;
  #at = 2;
  /** The number of items that arrays may still claim. */
  #items: number;
  #stores = 0;
  #isNamed = false;

  constructor(bytes: Buffer, hosts: boolean) {
    this.#bytes = bytes;
    this.#hosts = hosts;
    this.#items = bytes.length;
  }

  run(): boolean {
    const bytes = this.#bytes;
    const { length } = bytes;
    while (this.#at < length) this.#token(bytes[this.#at++] as number);
    if (this.#at > length) throw new Error('a value that is incomplete');
    return this.#isNamed;
  }

  #token(tag: number): void {
    switch (tag) {
      case 0x00: // padding
      case 0x2d: // - hole
      case 0x5f: // _ undefined
      case 0x30: // 0 null
      case 0x54: // T true
      case 0x46: // F false
      case 0x78: // x a Boolean object, false
      case 0x79: // y … true
      case 0x6f: // o object
      case 0x3b: // ; Map
      case 0x27: // ' Set
      case 0x73: // s String object, a string follows
        return;
      case 0x49: // I int
      case 0x55: // U unsigned
      case 0x5e: // ^ an object that occurred before
      case 0x7b: // { end of object
      case 0x3a: // : end of Map
      case 0x2c: // , end of Set
        this.#varint();
        return;
      case 0x22: // " string of one byte a character
      case 0x63: // c … of two bytes
      case 0x53: // S … in UTF-8
        this.#skip(this.#varint());
        return;
      case 0x4e: // N number
      case 0x6e: // n Number object
      case 0x44: // D Date
        this.#skip(8);
        return;
      case 0x5a: // Z bigint: sign, and length in bytes
      case 0x7a: // z BigInt object
        this.#skip(this.#varint() >>> 1);
        return;
      case 0x52: // R regular expression: a string, flags
        this.#pattern();
        return;
      case 0x41: // A array
        this.#claim(this.#varint());
        return;
      case 0x61: // a array by keys
        this.#claim(this.#varint() - HOLEY_ITEMS);
        return;
      case 0x24: // $ end of array: named properties, length
        this.#named(this.#varint(), this.#varint(), false);
        return;
      case 0x40: // @ end of array by keys: properties, length
        this.#named(this.#varint(), this.#varint(), true);
        return;
      case 0x5c: // \ host object
        if (!this.#hosts) break;
        this.#host();
        return;
    }
    throw new Error('a value with a part that is never sent');
  }

  #claim(items: number): void {
    if (items > 0) this.#items -= items;
    if (this.#items < 0) throw new Error('arrays that claim more items than they hold');
  }

  #named(properties: number, length: number, byKeys: boolean): void {
    if (length > BARE_ARRAY_ITEMS && properties > (byKeys ? length : 0)) this.#isNamed = true;
  }

  #pattern(): void {
    const bytes = this.#bytes;
    while (bytes[this.#at] === 0) this.#at++;
    const tag = bytes[this.#at++];
    if (tag !== 0x22 && tag !== 0x63 && tag !== 0x53) throw new Error('a pattern that is not a string');
    this.#skip(this.#varint());
    this.#varint();
  }

  /** Mirrors Writer in v8-stream.ts. */
  #host(): void {
    const type = this.#varint();
    if (type === 0) {
      this.#varint();
      if (!hasText(this.#varint())) return;
      this.#skip(this.#varint());
      this.#skip(this.#varint());
      return;
    }
    if (type >= EXTENSION) {
      this.#skip(this.#varint());
      return;
    }
    if (this.#varint() === this.#stores) {
      this.#stores += 1;
      if (this.#varint() + INLINE === INLINE) this.#skip(this.#varint());
    }
    this.#varint();
    this.#varint();
  }

  #skip(bytes: number): void {
    this.#at += bytes;
  }

  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++];
    if (byte === undefined) throw new Error('a value that is incomplete');
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let shift = 7;
    do {
      byte = bytes[this.#at++];
      if (byte === undefined) throw new Error('a value that is incomplete');
      if (shift < 32) value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80);
    return value >>> 0;
  }
}
