/**
 * V8's serializer and deserializer with room for what they cannot carry themselves.
 *
 * Binary data, errors and long arrays with holes reach them as "host objects": the only ones that V8 hands out to be
 * written by us, once each, while it keeps track of identity and cycles. The walk (codec-shadow.ts) puts a marker in
 * the place of the latter two.
 */
import { Deserializer, Serializer } from 'node:v8';
import { adopted, bytesOf, INLINE, owned, type Piece, revive, type Store } from './codec-binary.js';
import { errorOf } from './codec-errors.js';

const EMPTY = Buffer.alloc(0);
/** A kind beside those of errors (codec-errors.ts). */
export const SPARSE = 100;
const MARK = 0;
const VIEW = 1; // and the types of codec-binary.ts above it

/** What stands in the place of an error, or of an array with holes. */
export interface Mark {
  /** Its place in the table of records that follows the value. */
  readonly index: number;
  /** Of the error, or SPARSE. */
  readonly kind: number;
  /** Fixed when it is made, and only there: a DOMException's. */
  readonly fixed: readonly [message: string, name: string] | undefined;
}

/** What stands for a host object, by the view or marker that V8 meets. */
export type Hosts = ReadonlyMap<object, Piece | Mark>;

/** The methods of Node's Serializer that its types leave out. */
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

  /** Called by V8, for binary data and markers, the first time that it meets each. */
  _writeHostObject(object: object): void {
    const host = this.#hosts.get(object);
    if (host === undefined) throw new TypeError('an object of a kind that cannot be sent');
    if ('kind' in host) this.#mark(host);
    else this.#view(host);
  }

  #mark(mark: Mark): void {
    this.writeUint32(MARK);
    this.writeUint32(mark.index);
    this.writeUint32(mark.kind);
    for (const text of mark.fixed ?? []) {
      const bytes = Buffer.from(text, 'utf16le');
      this.writeUint32(bytes.length);
      this.writeRawBytes(bytes);
    }
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

export function write(value: unknown, hosts: Hosts): Buffer {
  const writer = new Writer(hosts);
  writer.writeHeader();
  writer.writeValue(value);
  return writer.releaseBuffer();
}

type Marked = Error | unknown[];

class Reader extends Deserializer {
  readonly marked: Map<number, Marked> = new Map();
  readonly #attachments: (Buffer | undefined)[];
  readonly #stores: ArrayBuffer[] = [];

  constructor(body: Buffer, attachments: readonly Buffer[]) {
    super(body);
    this.#attachments = [...attachments];
  }

  /** Called by V8 in place of each host object. Every number in it may be wrong. */
  _readHostObject(): object {
    const tag = this.readUint32();
    return tag === MARK ? this.#marked() : this.#view(tag - VIEW);
  }

  #marked(): Marked {
    const index = this.readUint32();
    const kind = this.readUint32();
    const marked = kind === SPARSE ? [] : errorOf(kind, () => this.#text());
    if (this.marked.has(index)) throw new Error('two records in one place');
    this.marked.set(index, marked);
    return marked;
  }

  #text(): string {
    return Buffer.from(this.readRawBytes(this.readUint32())).toString('utf16le');
  }

  #view(type: number): object {
    const index = this.readUint32();
    if (index === this.#stores.length) this.#stores.push(this.#memory());
    const buffer = this.#stores[index];
    if (buffer === undefined) throw new Error('binary data that is not there');
    const offset = this.readUint32();
    return revive(type, buffer, offset, this.readUint32());
  }

  #memory(): ArrayBuffer {
    const at = this.readUint32() + INLINE;
    if (at === INLINE) return owned(this.readRawBytes(this.readUint32())).buffer as ArrayBuffer;
    const bytes = this.#attachments[at];
    if (bytes === undefined) throw new Error(`attachment ${at} is missing`);
    this.#attachments[at] = undefined;
    return adopted(bytes);
  }
}

export interface Stream {
  readonly value: unknown;
  /** The errors, and the arrays with holes, in it: still empty, by their places in the table. */
  readonly marked: ReadonlyMap<number, Marked>;
}

/** @throws whatever V8 or Node makes of bytes that are no such stream. */
export function read(body: Buffer, attachments: readonly Buffer[]): Stream {
  const reader = new Reader(body.length === 0 ? EMPTY : body, attachments);
  reader.readHeader();
  return { value: reader.readValue(), marked: reader.marked };
}
