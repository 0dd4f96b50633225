/**
 * V8's serializer and deserializer with room for what they cannot carry themselves.
 *
 * Binary data, errors and long arrays with holes reach them as "host objects": the only ones that V8 hands out to be
 * written by us, once each, while it keeps track of identity and cycles. The walk (plain-copy.ts) puts a marker in
 * the place of the latter two.
 */
import { Deserializer, Serializer } from 'node:v8';
import { adopted, bytesOf, INLINE, owned, type Piece, revive, type Store } from './binary.js';
import { errorOf } from './errors.js';
import { EXTENSIONS } from './extensions.js';

const EMPTY = Buffer.alloc(0);
/** A kind beside those of errors (errors.ts). */
export const SPARSE = 100;
const MARK = 0;
const VIEW = 1; // and the types of binary.ts above it
/** And the rows of extensions.ts above it. */
export const EXTENSION = 64;

/** What stands in the place of an error, or of an array with holes. */
export interface Mark {
  /** Its place in the table of records that follows the value. */
  readonly index: number;
  /** Of the error, or SPARSE. */
  readonly kind: number;
  /** Fixed when it is made, and only there: a DOMException's. */
  readonly fixed: readonly [message: string, name: string] | undefined;
}

/** What stands in the place of an object of extensions.ts. */
interface Text {
  readonly row: number;
  readonly text: string;
}

export type Host = Piece | Mark | Text;
/** What stands for a host object, by the view or marker that V8 meets. */
export type Hosts = ReadonlyMap<object, Host>;

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
    else if ('row' in host) this.#extension(host);
    else this.#view(host);
  }

  #extension({ row, text }: Text): void {
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
  /** Made when they are needed: most values have neither. */
  marked: Map<number, Marked> | undefined;
  #stores: ArrayBuffer[] | undefined;
  readonly #attachments: readonly Buffer[];
  #adopted: boolean[] | undefined;

  constructor(body: Buffer, attachments: readonly Buffer[]) {
    super(body);
    this.#attachments = attachments;
  }

  /** Called by V8 in place of each host object. Every number in it may be wrong. */
  _readHostObject(): object {
    const tag = this.readUint32();
    if (tag === MARK) return this.#marked();
    return tag < EXTENSION ? this.#view(tag - VIEW) : this.#extension(tag - EXTENSION);
  }

  #extension(row: number): object {
    const extension = EXTENSIONS[row];
    if (extension === undefined) throw new Error(`an object of unknown type ${row}`);
    return extension.from(this.#text());
  }

  #marked(): Marked {
    const index = this.readUint32();
    const kind = this.readUint32();
    const marked = kind === SPARSE ? [] : errorOf(kind, () => this.#text());
    this.marked ??= new Map();
    if (this.marked.has(index)) throw new Error('two records in one place');
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
    if (buffer === undefined) throw new Error('binary data that is not there');
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

// V8's methods as they are now: those of the prototypes may be replaced later, and `_getDataCloneError` is asked for by V8 itself.
keepMethods(Writer.prototype, Serializer.prototype);
keepMethods(Reader.prototype, Deserializer.prototype);

function keepMethods(target: object, source: object): void {
  for (const key of Reflect.ownKeys(source)) {
    if (!Object.hasOwn(target, key)) Object.defineProperty(target, key, Object.getOwnPropertyDescriptor(source, key) as PropertyDescriptor);
  }
}

/** @throws whatever V8 or Node makes of a value that it cannot write */
export function write(value: unknown, hosts: Hosts): Buffer {
  const writer = new Writer(hosts);
  writer.writeHeader();
  writer.writeValue(value);
  return writer.releaseBuffer();
}

export interface Stream {
  readonly value: unknown;
  /** The errors, and the arrays with holes, in it: still empty, by their places in the table. */
  readonly marked: ReadonlyMap<number, Marked> | undefined;
}

/** @throws whatever V8 or Node makes of bytes that are no such stream. */
export function read(body: Buffer, attachments: readonly Buffer[]): Stream {
  const reader = new Reader(body.length === 0 ? EMPTY : body, attachments);
  reader.readHeader();
  return { value: reader.readValue(), marked: reader.marked };
}
