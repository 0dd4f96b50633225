/**
 * The slow walk: copies a value into plain data that V8 can serialize. Errors, and long arrays with
 * holes, become markers with a record each; binary data is listed; every getter runs once; a value
 * that cannot be sent is named by its path.
 */
import { types } from 'node:util';
import { type Piece, pieceOf } from './binary.js';
import { anatomyOf, define, fieldsOf } from './errors.js';
import { writeExtension } from './extensions.js';
import { hidesState, Kind, kindOf, rowOf } from './kinds.js';
import { describe, entry, field, item, Refusal, within } from './refusal.js';
import { MAX_DEPTH } from './scan.js';
import { HOLEY_ITEMS, isSparse } from './sparse-arrays.js';
import { type Host, type Mark, SPARSE } from './v8-stream.js';

const DROPPED: unique symbol = Symbol('dropped');

const { create, getPrototypeOf, hasOwn, keys, prototype: OBJECT } = Object;
const { isArray, prototype: ARRAY } = Array;
const { isView } = ArrayBuffer;
const { apply } = Reflect;
const { forEach: eachOfMap } = Map.prototype;
const { forEach: eachOfSet } = Set.prototype;

export class PlainCopy {
  readonly hosts: Map<object, Host> = new Map();
  /** The record of each marker. Of an error, its properties: key, value, enumerable, key, … */
  readonly records: unknown[][] = [];
  readonly pieces: Piece[] = [];
  readonly #copies: Map<object, object> = new Map();
  /** The keys of #copies and #hosts, oldest first, so that a part of the walk can be undone. */
  readonly #order: object[] = [];

  /** @throws Refusal */
  copy(value: unknown, depth = 0): unknown {
    if (typeof value === 'symbol' || typeof value === 'function') throw Refusal.of(value);
    if (typeof value !== 'object' || value === null) return value;
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    if (types.isProxy(value)) throw Refusal.of(value);
    if (depth >= MAX_DEPTH) throw new Refusal(`it is nested more than ${MAX_DEPTH} levels deep`);
    if (isArray(value)) return isSparse(value) ? this.#sparse(value, depth + 1) : this.#array(value, depth + 1);
    const kind = getPrototypeOf(value) === OBJECT ? Kind.Ordinary : kindOf(value);
    switch (kind) {
      case Kind.Leaf:
        return this.#keep(value, value);
      case Kind.Map:
        return this.#map(value as Map<unknown, unknown>, depth + 1);
      case Kind.Set:
        return this.#set(value as Set<unknown>, depth + 1);
      case Kind.Binary:
        return this.#binary(value);
      case Kind.Error:
        return this.#error(value, depth + 1);
      case Kind.Extension:
        return this.#extension(value);
      case Kind.Unknown:
        throw Refusal.of(value);
    }
    const names = keys(value);
    if (names.length === 0 && hidesState(value)) throw Refusal.hidden(value);
    // Without a prototype: no setter of a changed Object.prototype, and `__proto__` is a key like
    // any other.
    const copy = this.#keep(value, create(null) as object);
    this.#fields(value, names, copy, depth + 1);
    return copy;
  }

  #keep<T extends object>(value: object, copy: T): T {
    this.#copies.set(value, copy);
    this.#order.push(value);
    return copy;
  }

  #array(value: readonly unknown[], depth: number): unknown[] {
    const copy = this.#keep(value, [] as unknown[]);
    const { length } = value;
    let dense = 0;
    for (; dense < length; dense++) {
      try {
        if (!hasOwn(value, dense)) break;
        const held = this.copy(readItem(value, dense), depth);
        if (dense in ARRAY) define(copy, String(dense), held, true);
        else copy[dense] = held;
      } catch (error) {
        throw within(error, item(dense));
      }
    }
    if (dense < length) {
      if (length > HOLEY_ITEMS) throw new Refusal('a getter in it has taken items out of it');
      copy.length = length; // from the first hole on, items are copied by their keys
    }
    const names = keys(value);
    if (names.length !== dense) {
      const others = names.filter((name) => !hasOwn(copy, name));
      this.#fields(value, others, copy, depth);
    }
    return copy;
  }

  /** Its record is the length, then key, value, key, … */
  #sparse(value: readonly unknown[], depth: number): object {
    const marker = this.#keep(value, new Uint8Array(0));
    const record: unknown[] = [value.length];
    this.#mark(marker, SPARSE, undefined, record);
    for (const name of keys(value)) {
      try {
        record.push(name, this.copy(readField(value, name), depth));
      } catch (error) {
        throw within(error, element(name));
      }
    }
    return marker;
  }

  #mark(marker: object, kind: number, fixed: Mark['fixed'], record: unknown[]): void {
    this.hosts.set(marker, { index: this.records.length, kind, fixed });
    this.records.push(record);
  }

  #fields(value: object, names: readonly string[], copy: object, depth: number): void {
    const bare = !isArray(copy);
    for (const name of names) {
      try {
        const held = this.copy(readField(value, name), depth);
        if (bare) (copy as Record<string, unknown>)[name] = held;
        else define(copy, name, held, true);
      } catch (error) {
        throw within(error, bare ? field(name) : element(name));
      }
    }
  }

  #map(value: Map<unknown, unknown>, depth: number): Map<unknown, unknown> {
    const copy = this.#keep(value, new Map<unknown, unknown>());
    const entries: { readonly key: unknown; readonly held: unknown }[] = [];
    apply(eachOfMap, value, [(held: unknown, key: unknown) => entries.push({ key, held })]);
    entries.forEach(({ key, held }, index) => {
      let segment = `.keys()${item(index)}`;
      try {
        const copied = this.copy(key, depth);
        segment = entry(key);
        copy.set(copied, this.copy(held, depth));
      } catch (error) {
        throw within(error, segment);
      }
    });
    return copy;
  }

  #set(value: Set<unknown>, depth: number): Set<unknown> {
    const copy = this.#keep(value, new Set<unknown>());
    const members: unknown[] = [];
    apply(eachOfSet, value, [(held: unknown) => members.push(held)]);
    members.forEach((held, index) => {
      try {
        copy.add(this.copy(held, depth));
      } catch (error) {
        throw within(error, `.values()${item(index)}`);
      }
    });
    return copy;
  }

  #binary(value: object): object {
    const piece = pieceOf(value);
    this.pieces.push(piece);
    // V8 writes an ArrayBuffer itself, without asking: an empty view represents it.
    const host = this.#keep(value, isView(value) ? value : new Uint8Array(0));
    this.hosts.set(host, piece);
    return host;
  }

  #extension(value: object): object {
    const row = rowOf(value);
    let text: string;
    try {
      text = writeExtension(row, value);
    } catch (cause) {
      // It only has the tag: an object of a polyfill, or of a changed prototype.
      throw new Refusal(`${describe(value)} that Node did not make cannot be sent to another process`, { cause });
    }
    const marker = this.#keep(value, new Uint8Array(0));
    this.hosts.set(marker, { row, text });
    return marker;
  }

  #error(value: object, depth: number): object {
    const marker = this.#keep(value, new Uint8Array(0));
    const { kind, fixed } = anatomyOf(value);
    const record: unknown[] = [];
    this.#mark(marker, kind, fixed, record);
    for (const [key, held, enumerable] of fieldsOf(value, kind)) {
      const copy = key === 'errors' && isArray(held) ? this.#errors(held, depth) : this.#salvaged(held, depth);
      if (copy !== DROPPED) record.push(key, copy, enumerable);
      else if (key === 'cause') record.push(key, describe(held), enumerable);
    }
    return marker;
  }

  /** The errors of an AggregateError: one that cannot be sent does not cost the others. */
  #errors(errors: readonly unknown[], depth: number): unknown {
    const whole = this.#salvaged(errors, depth);
    if (whole !== DROPPED) return whole;
    return Array.from(errors, (each) => {
      const copy = this.#salvaged(each, depth);
      return copy === DROPPED ? describe(each) : copy;
    });
  }

  #salvaged(value: unknown, depth: number): unknown {
    const { length } = this.#order;
    const records = this.records.length;
    const pieces = this.pieces.length;
    try {
      return this.copy(value, depth);
    } catch {
      // The same object may occur elsewhere, and must not be represented by half a copy.
      for (const each of this.#order.splice(length)) {
        this.hosts.delete(this.#copies.get(each) as object);
        this.#copies.delete(each);
      }
      this.records.length = records;
      this.pieces.length = pieces;
      return DROPPED;
    }
  }
}

function readItem(value: readonly unknown[], index: number): unknown {
  try {
    return value[index];
  } catch (cause) {
    throw new Refusal(`its getter threw: ${describe(cause)}`, { cause });
  }
}

function readField(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch (cause) {
    throw new Refusal(`its getter threw: ${describe(cause)}`, { cause });
  }
}

function element(name: string): string {
  return /^(?:0|[1-9]\d*)$/.test(name) ? `[${name}]` : field(name);
}
