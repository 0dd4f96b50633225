/**
 * Decides how a value travels, before anything is written and without running the user's code:
 * getters are recognised by their descriptors, so that writing the value runs each of them once.
 * Two getters are exceptions, because nobody has them and checking for them would make sending 10 %
 * slower: one on an index of an array, and a hidden one called `toJSON`.
 */
import { types } from 'node:util';
import { hidesState, Kind, kindOf } from './kinds.js';
import { BARE_ARRAY_ITEMS, HOLEY_ITEMS } from './sparse-arrays.js';

export const Shape = {
  /** JSON restores exactly this value, and is the fastest. */
  Json: 0,
  /** V8's serializer restores this value. */
  Rich: 1,
  /** As Rich, but with long arrays that were not searched for named properties. */
  Long: 2,
  /**
   * V8 would lose a part, or refuse it without its path: errors, binary data, getters, functions …
   */
  Special: 3,
} as const;
export type Shape = (typeof Shape)[keyof typeof Shape];

/**
 * Deserializing takes twice the stack of serializing: on an empty stack, Node 20 reads 1,900 nested
 * objects. A deeper value is refused here, where its sender sees the error, and not by the
 * receiver.
 */
export const MAX_DEPTH = 1500;
/** Up to this number, an array finds objects faster than a Set. */
const FEW = 16;

// The gain of V8 over JSON in tenths of a nanosecond, both ways together (Node 20, 22, 24).
const PER_CALL = -20_000;
const PER_FRACTION = 900;
const PER_CHAR = 5;
const PER_KEY = -500;

const { getOwnPropertyDescriptor, getPrototypeOf, hasOwn, keys, prototype: OBJECT } = Object;
const ARRAY = Array.prototype;
const { forEach: eachOfMap } = Map.prototype;
const { forEach: eachOfSet } = Set.prototype;
const { isArray } = Array;
const { apply } = Reflect;

class Scan {
  readonly #few: (object | undefined)[] = new Array<object | undefined>(FEW).fill(undefined);
  #count = 0;
  #many: Set<object> | undefined;
  #json = true;
  #deep = false;
  #long = false;
  #gain = PER_CALL;

  shape(value: unknown): Shape {
    const known = this.#visit(value, 0);
    const json = this.#json;
    const deep = this.#deep;
    const gain = this.#gain;
    const long = this.#long;
    // An idle scan must not keep the user's objects alive (G12).
    if (this.#many === undefined) for (let i = 0; i < this.#count; i++) this.#few[i] = undefined;
    else this.#few.fill(undefined);
    this.#count = 0;
    this.#many = undefined;
    this.#json = true;
    this.#deep = false;
    this.#long = false;
    this.#gain = PER_CALL;
    if (!known || (deep && !json)) return Shape.Special;
    if (json && (deep || gain <= 0)) return Shape.Json;
    return long ? Shape.Long : Shape.Rich;
  }

  /** Returns false to end the scan: the value is Special. */
  #visit(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case 'string':
        this.#gain += value.length * PER_CHAR;
        return true;
      case 'number':
        this.#number(value);
        return true;
      case 'boolean':
        return true;
      case 'object':
        if (value === null) return true;
        break;
      case 'undefined':
      case 'bigint':
        this.#json = false;
        return true;
      default:
        return false;
    }
    if (this.#met(value)) {
      this.#json = false;
      return true;
    }
    if (types.isProxy(value)) return false;
    if (depth >= MAX_DEPTH) this.#deep = true;
    if (isArray(value)) return this.#array(value, depth + 1);
    if (getPrototypeOf(value) === OBJECT) {
      if (!this.#fields(value, keys(value), 0, depth + 1)) return false;
      if ((value as { toJSON?: unknown }).toJSON !== undefined) this.#json = false;
      return true;
    }
    this.#json = false;
    return this.#other(value, depth + 1);
  }

  #number(value: number): void {
    if (Number.isInteger(value)) {
      if (value === 0 && 1 / value < 0) this.#json = false;
    } else if (value - value === 0) this.#gain += PER_FRACTION;
    else this.#json = false;
  }

  #array(value: unknown[], depth: number): boolean {
    const { length } = value;
    const before = this.#count;
    for (let i = 0; i < length; i++) {
      const each = value[i];
      if (typeof each === 'number') this.#number(each);
      else if (each === undefined && !hasOwn(value, i)) {
        this.#json = false;
        return length <= HOLEY_ITEMS && this.#fields(value, keys(value), 0, depth);
      } else if (!this.#visit(each, depth)) return false;
    }
    // Listing the keys costs 10 to 100 ns an item: as much as all the rest, if there are no objects
    // among the items.
    if (length > BARE_ARRAY_ITEMS && this.#count === before) {
      this.#json = false;
      this.#long = true;
      return true;
    }
    if (getPrototypeOf(value) !== ARRAY || (value as { toJSON?: unknown }).toJSON !== undefined) this.#json = false;
    const names = keys(value);
    if (names.length === length) return true;
    this.#json = false;
    return this.#fields(value, names, length, depth);
  }

  #fields(value: object, names: readonly string[], from: number, depth: number): boolean {
    this.#gain += (names.length - from) * PER_KEY;
    for (let i = from; i < names.length; i++) {
      const descriptor = getOwnPropertyDescriptor(value, names[i] as string);
      if (descriptor === undefined || descriptor.get !== undefined) return false;
      if (!this.#visit(descriptor.value, depth)) return false;
    }
    return true;
  }

  #other(value: object, depth: number): boolean {
    const kind = kindOf(value);
    if (kind === Kind.Leaf) return true;
    if (kind === Kind.Ordinary) {
      const names = keys(value);
      return names.length === 0 ? !hidesState(value) : this.#fields(value, names, 0, depth);
    }
    let known = true;
    // By the methods of the prototypes, because a subclass may have its own.
    if (kind === Kind.Map) {
      apply(eachOfMap, value, [
        (held: unknown, key: unknown) => {
          known = known && this.#visit(key, depth) && this.#visit(held, depth);
        },
      ]);
      return known;
    }
    if (kind === Kind.Set) {
      apply(eachOfSet, value, [
        (held: unknown) => {
          known = known && this.#visit(held, depth);
        },
      ]);
      return known;
    }
    return false;
  }

  /** True for an object that occurred before: it is shared or in a cycle, which JSON would lose. */
  #met(value: object): boolean {
    const count = this.#count;
    if (this.#many !== undefined) {
      this.#many.add(value);
      if (this.#many.size === count) return true;
      this.#count = count + 1;
      return false;
    }
    const few = this.#few;
    for (let i = 0; i < count; i++) if (few[i] === value) return true;
    if (count < FEW) few[count] = value;
    else this.#many = new Set(few as object[]).add(value);
    this.#count = count + 1;
    return false;
  }
}

let idle: Scan | undefined;

export function shapeOf(value: unknown): Shape {
  // A getter on an array's index may call the pool, so a scan in use is never given out again.
  const scan = idle ?? new Scan();
  idle = undefined;
  let shape: Shape;
  try {
    shape = scan.shape(value);
  } catch {
    // The value is too deep for this stack, or reading it threw: the slow walk finds the path.
    return Shape.Special;
  }
  idle = scan;
  return shape;
}
