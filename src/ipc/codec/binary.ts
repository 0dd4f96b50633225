/**
 * The binary data of one message: Buffers, typed arrays, DataViews, ArrayBuffers.
 *
 * Only the bytes in view travel, never the rest of the memory that Node cuts small Buffers from.
 * Views that overlap, and an ArrayBuffer with the views on it, travel together and overlap when
 * they arrive.
 */
import { types } from 'node:util';
import { MAX_ATTACHMENTS, MAX_BODY_BYTES } from '../frame.js';
import { copyOf } from '../spare-memory.js';
import { hasPrototype } from './kinds.js';
import { Refusal } from './refusal.js';

/** From this size on, binary data travels as a raw attachment, past the serializer. */
const ATTACHMENT_BYTES: number = 8 * 1024;
const NAMES = [
  'Buffer',
  'ArrayBuffer',
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array', // Node 24 and later
] as const;
const BUFFER = 0;
const ARRAY_BUFFER = 1;
const DATA_VIEW = 2;
/** The constructors by number; undefined if this Node has none of that name. */
const VIEWS: readonly (TypedArrayConstructor | undefined)[] = NAMES.map((name) => Reflect.get(globalThis, name) as TypedArrayConstructor);

// The built-in getters, because a view or its class may have other properties of these names.
const { apply, getOwnPropertyDescriptor, getPrototypeOf } = Reflect;
const { isView, prototype: MEMORY } = ArrayBuffer;
const { isArrayBuffer, isDataView, isSharedArrayBuffer } = types;
const TYPED_ARRAY = getPrototypeOf(Uint8Array.prototype) as object;
const getterOf = (prototype: object, key: PropertyKey): (() => unknown) => getOwnPropertyDescriptor(prototype, key)?.get as () => unknown;
const gettersOf = (prototype: object) => ({
  buffer: getterOf(prototype, 'buffer'),
  byteOffset: getterOf(prototype, 'byteOffset'),
  byteLength: getterOf(prototype, 'byteLength'),
});
const ofTypedArray = gettersOf(TYPED_ARRAY);
const ofDataView = gettersOf(DataView.prototype);
const typeName = getterOf(TYPED_ARRAY, Symbol.toStringTag);
const memoryLength = getterOf(MEMORY, 'byteLength');
const { prototype: BUFFER_PROTOTYPE } = Buffer;

type ViewConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;
interface TypedArrayConstructor extends ViewConstructor {
  readonly BYTES_PER_ELEMENT: number;
}

const SHARED = 'shared memory cannot be sent to another process';
/** The bytes of a Store are in the body of the message. */
export const INLINE = -1;

/** A range of memory that travels once, however many views of it there are. */
export interface Store {
  readonly buffer: ArrayBuffer;
  readonly start: number;
  readonly length: number;
  /** The attachment that holds it, or INLINE. */
  attachment: number;
  /** Set when the store is written; later views refer to it by this number. */
  index: number | undefined;
}

export interface Piece {
  readonly type: number;
  readonly buffer: ArrayBuffer;
  readonly offset: number;
  readonly length: number;
  store: Store | undefined;
}

export function pieceOf(value: object): Piece {
  const type = typeOf(value);
  const { buffer, offset, length } = type === ARRAY_BUFFER ? memoryOf(value as ArrayBuffer) : viewed(value, type);
  if (type < 0) throw Refusal.of(value);
  if (length > MAX_BODY_BYTES) throw tooLarge(length);
  if (length === 0 && isDetached(buffer)) throw new Refusal('its ArrayBuffer is detached: it was transferred elsewhere');
  return { type, buffer, offset, length, store: undefined };
}

interface Extent {
  readonly buffer: ArrayBuffer;
  readonly offset: number;
  readonly length: number;
}

function memoryOf(buffer: ArrayBuffer): Extent {
  if (isSharedArrayBuffer(buffer)) throw new Refusal(SHARED);
  return { buffer, offset: 0, length: apply(memoryLength, buffer, []) as number };
}

function viewed(view: object, type: number): Extent {
  const { buffer, byteOffset, byteLength } = type === DATA_VIEW ? ofDataView : ofTypedArray;
  const memory = apply(buffer, view, []) as ArrayBuffer;
  if (isSharedArrayBuffer(memory)) throw new Refusal(SHARED);
  try {
    return { buffer: memory, offset: apply(byteOffset, view, []) as number, length: apply(byteLength, view, []) as number };
  } catch (cause) {
    if (isDetached(memory)) return { buffer: memory, offset: 0, length: 0 };
    throw new Refusal('it is a view beyond the end of its resized ArrayBuffer', { cause });
  }
}

export function tooLarge(bytes: number): Refusal {
  return new Refusal(`${bytes} bytes, over the limit of ${MAX_BODY_BYTES} (2 GiB - 1)`);
}

function typeOf(value: object): number {
  if (!isView(value)) return ARRAY_BUFFER;
  if (isDataView(value)) return DATA_VIEW;
  if (getPrototypeOf(value) === BUFFER_PROTOTYPE || hasPrototype(value, BUFFER_PROTOTYPE)) return BUFFER;
  return (NAMES as readonly string[]).indexOf(apply(typeName, value, []) as string);
}

function isDetached(buffer: ArrayBuffer): boolean {
  try {
    return new Uint8Array(buffer).length < 0;
  } catch {
    return true; // the constructor throws for no other reason
  }
}

/**
 * Assigns a store to every piece, and returns the attachments: copies, or the memory itself if it
 * is written before any other code can change it.
 */
export function assignStores(pieces: readonly Piece[], isLent: boolean): Buffer[] {
  const stores = pieces.length === 1 ? [storeFor(pieces)] : storesFor(pieces);
  let large = stores.filter((store) => store.length >= ATTACHMENT_BYTES);
  if (large.length > MAX_ATTACHMENTS) {
    large = large.sort((one, other) => other.length - one.length).slice(0, MAX_ATTACHMENTS);
  }
  return large.map((store, index) => {
    store.attachment = index;
    const bytes = bytesOf(store);
    return isLent ? bytes : copyOf(bytes);
  });
}

export function bytesOf(store: Store): Buffer {
  try {
    return Buffer.from(store.buffer, store.start, store.length);
  } catch (cause) {
    throw new Refusal('a getter in it has resized or transferred an ArrayBuffer that was sent with it', { cause });
  }
}

function storesFor(pieces: readonly Piece[]): Store[] {
  const byBuffer = new Map<ArrayBuffer, Piece[]>();
  for (const piece of pieces) {
    const others = byBuffer.get(piece.buffer);
    if (others === undefined) byBuffer.set(piece.buffer, [piece]);
    else others.push(piece);
  }
  const stores: Store[] = [];
  for (const group of byBuffer.values()) {
    group.sort((one, other) => one.offset - other.offset || other.length - one.length);
    let together: Piece[] = [];
    let end = 0;
    for (const piece of group) {
      if (together.length > 0 && piece.offset >= end) {
        stores.push(storeFor(together));
        together = [];
      }
      together.push(piece);
      end = Math.max(together.length === 1 ? 0 : end, piece.offset + piece.length);
    }
    stores.push(storeFor(together));
  }
  return stores;
}

/** @param pieces overlap, in the order of their offsets */
function storeFor(pieces: readonly Piece[]): Store {
  const [first] = pieces as readonly [Piece];
  // Elements of several bytes must stay aligned: several views keep their places modulo 8.
  const start = pieces.length === 1 ? first.offset : first.offset - (first.offset % 8);
  const end = pieces.reduce((most, { offset, length }) => Math.max(most, offset + length), start);
  if (end - start > MAX_BODY_BYTES) throw tooLarge(end - start);
  const store: Store = { buffer: first.buffer, start, length: end - start, attachment: INLINE, index: undefined };
  for (const piece of pieces) piece.store = store;
  return store;
}

/** A view of `type` on memory that came over the channel; any number may be wrong (G9). */
export function revive(type: number, buffer: ArrayBuffer, offset: number, length: number): object {
  if (type === ARRAY_BUFFER) return buffer;
  if (type === BUFFER) return Buffer.from(buffer, offset, checked(buffer, offset, length));
  const View = VIEWS[type];
  if (View === undefined) throw new Error(`binary data of an unknown type: ${NAMES[type] ?? type}`);
  return new View(buffer, offset, type === DATA_VIEW ? length : length / View.BYTES_PER_ELEMENT);
}

function checked(buffer: ArrayBuffer, offset: number, length: number): number {
  if (offset + length > buffer.byteLength) throw new RangeError('binary data outside its memory');
  return length;
}

/**
 * The ArrayBuffer of bytes that fill it. Other bytes are copied out of theirs, so that no value
 * exposes the bytes beside it.
 */
export function adopted(bytes: Buffer): ArrayBuffer {
  const { buffer } = bytes;
  if (isArrayBuffer(buffer) && bytes.length === buffer.byteLength) return buffer;
  return owned(bytes).buffer as ArrayBuffer;
}

export function owned(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
