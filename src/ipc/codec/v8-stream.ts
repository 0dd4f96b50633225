/**
 * V8's serializer and deserializer, extended to values that they cannot carry.
 *
 * Binary data, errors, long arrays with holes and the types of extensions.ts reach them as "host
 * objects". V8 lets its caller write these, once each, while it keeps track of identity and cycles.
 * The walk (plain-copy.ts) puts an empty view as a marker in the place of each, except of binary
 * data.
 */
import { Deserializer, Serializer } from 'node:v8';
import { adopted, bytesOf, INLINE, owned, type Piece, revive, type Store } from './binary.js';
import { errorOf } from './errors.js';
import { readExtension } from './extensions.js';

const EMPTY = Buffer.alloc(0);
/** The kind of a long array with holes, beside the kinds of errors (errors.ts). */
export const SPARSE = 100;
const MARK = 0;
const VIEW = 1; // plus the type of binary.ts
/** Plus the row of extensions.ts. */
export const EXTENSION = 64;

/** Represents an error, or an array with holes. */
export interface Mark {
  /** The index of its record in the table that follows the value. */
  readonly index: number;
  /** The kind of the error, or SPARSE. */
  readonly kind: number;
  /** Of a DOMException, which takes them only in its constructor. */
  readonly fixed: readonly [message: string, name: string] | undefined;
}

/** Represents an object of a type in extensions.ts. */
interface Extended {
  readonly row: number;
  readonly text: string;
}

export type Host = Piece | Mark | Extended;
/** By the view or marker that V8 meets. */
export type Hosts = ReadonlyMap<object, Host>;

/** Methods of Node's Serializer that its types lack. */
interface Hooks {
  _setTreatArrayBufferViewsAsHostObjects(flag: boolean): void;
}

class Writer extends Serializer {
  readonly #hosts: Hosts;
  #stores = 0;

  constructor(hosts: Hosts) {
    super();
    this.#hosts = hosts;
    (this as unknown as Hooks)._setTreatArrayBufferViewsAsHostObjects(true);
  }

  /** V8 calls it for binary data and markers, the first time that it meets each. */
  _writeHostObject(object: object): void {
    const host = this.#hosts.get(object);
    if (host === undefined) throw new TypeError('an object of a kind that cannot be sent');
    if ('kind' in host) this.#mark(host);
    else if ('row' in host) this.#extension(host);
    else this.#view(host);
  }

  #extension({ row, text }: Extended): void {
    this.writeUint32(EXTENSION + row);
    this.#text(text);
  }

  #text(text: string): void {
    const bytes = Buffer.from(text, 'utf16le');
    this.writeUint32(bytes.length);
    this.writeRawBytes(bytes);
  }

  #mark(mark: Mark): void {
    this.writeUint32(MARK);
    this.writeUint32(mark.index);
    this.writeUint32(mark.kind);
    for (const text of mark.fixed ?? []) this.#text(text);
  }

  #view(piece: Piece): void {
    const store = piece.store as Store;
    this.writeUint32(VIEW + piece.type);
    const isNew = store.index === undefined;
    store.index ??= this.#stores++;
    this.writeUint32(store.index);
    if (isNew) {
      this.writeUint32(store.attachment - INLINE);
      if (store.attachment === INLINE) {
        this.writeUint32(store.length);
        this.writeRawBytes(bytesOf(store));
      }
    }
    this.writeUint32(piece.offset - store.start);
    this.writeUint32(piece.length);
  }
}

type Marked = Error | unknown[];

class Reader extends Deserializer {
  /** Made on demand: most values have no marks. */
  marked: Map<number, Marked> | undefined;
  #stores: ArrayBuffer[] | undefined;
  readonly #attachments: readonly Buffer[];
  #adopted: boolean[] | undefined;

  constructor(body: Buffer, attachments: readonly Buffer[]) {
    super(body);
    this.#attachments = attachments;
  }

  /** V8 calls it for each host object. Any number read here may be wrong (G9). */
  _readHostObject(): object {
    const tag = this.readUint32();
    if (tag === MARK) return this.#marked();
    return tag < EXTENSION ? this.#view(tag - VIEW) : readExtension(tag - EXTENSION, this.#text());
  }

  #marked(): Marked {
    const index = this.readUint32();
    const kind = this.readUint32();
    const marked = kind === SPARSE ? [] : errorOf(kind, () => this.#text());
    this.marked ??= new Map();
    if (this.marked.has(index)) throw new Error('two marks with one record');
    this.marked.set(index, marked);
    return marked;
  }

  #text(): string {
    return Buffer.from(this.readRawBytes(this.readUint32())).toString('utf16le');
  }

  #view(type: number): object {
    const index = this.readUint32();
    this.#stores ??= [];
    if (index === this.#stores.length) this.#stores.push(this.#memory());
    const buffer = this.#stores[index];
    if (buffer === undefined) throw new Error('a view of binary data that is missing');
    const offset = this.readUint32();
    return revive(type, buffer, offset, this.readUint32());
  }

  #memory(): ArrayBuffer {
    const at = this.readUint32() + INLINE;
    if (at === INLINE) return owned(this.readRawBytes(this.readUint32())).buffer as ArrayBuffer;
    const bytes = this.#attachments[at];
    this.#adopted ??= [];
    if (bytes === undefined || this.#adopted[at] === true) throw new Error(`attachment ${at} is missing`);
    this.#adopted[at] = true; // no two values share it
    return adopted(bytes);
  }
}

// Keeps Node's methods as they are now: the program may replace them on the prototypes later, and
// V8 itself reads `_getDataCloneError`.
keepMethods(Writer.prototype, Serializer.prototype);
keepMethods(Reader.prototype, Deserializer.prototype);

function keepMethods(target: object, source: object): void {
  for (const key of Reflect.ownKeys(source)) {
    if (!Object.hasOwn(target, key)) Object.defineProperty(target, key, Object.getOwnPropertyDescriptor(source, key) as PropertyDescriptor);
  }
}

/** @throws the error of V8 or Node for a value that it cannot write */
export function write(value: unknown, hosts: Hosts): Buffer {
  const writer = new Writer(hosts);
  writer.writeHeader();
  writer.writeValue(value);
  return writer.releaseBuffer();
}

export interface Stream {
  readonly value: unknown;
  /**
   * The errors and the arrays with holes in the value, still empty, by the index of their records.
   */
  readonly marked: ReadonlyMap<number, Marked> | undefined;
}

/** @throws the error of V8 or Node for bytes that are not such a stream */
export function read(body: Buffer, attachments: readonly Buffer[]): Stream {
  const reader = new Reader(body.length === 0 ? EMPTY : body, attachments);
  reader.readHeader();
  return { value: reader.readValue(), marked: reader.marked };
}
