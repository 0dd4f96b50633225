/**
 * The file of a journal: lines of JSON, only ever appended. The first says what it belongs to, each other one holds a finished item:
 *
 *   {"everpool":"journal","version":1,"task":"resize"}
 *   {"i":0,"k":"2fd4e1c67a2d28fc","ok":true,"a":1,"ms":3.2,"v":{"width":100}}
 *
 * i: the item's index. k: the beginning of the SHA-1 of its encoded arguments. ok: whether it succeeded. a: attempts. ms: of the last one.
 * v: the result; what JSON cannot carry exactly stands in c, [codec, body and attachments in base64]. e: what it failed with, for the reader.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { Codec, decode, describe, type Encoded, encode } from '../../ipc/codec/codec.js';
import { EverpoolError } from '../../shared/errors.js';
import { textOf } from '../../shared/program.js';
import { type JournalHandle, type JournalStore, journalError } from './journal-store.js';
import { fulfilled, type Outcome, rejected } from './outcome.js';

const VERSION = 1;
const CHUNK_BYTES = 1 << 20;
const KEY_CHARS = 16;
const NEWLINE = 0x0a;

interface Line {
  readonly i: number;
  readonly k: string;
  readonly ok: boolean;
  readonly a: number;
  readonly ms: number;
  readonly v?: unknown;
  readonly c?: readonly [number, ...string[]];
}

/** Where an item's line stands, and what was asked of it. */
interface Place {
  readonly at: number;
  readonly length: number;
  readonly key: string;
  readonly ok: boolean;
}

/** Of the arguments of an item. */
export function keyOf({ codec, body, attachments }: Encoded): string {
  const hash = createHash('sha1').update(String(codec));
  if (body !== undefined) hash.update(body);
  for (const each of attachments) hash.update(each);
  return hash.digest('hex').slice(0, KEY_CHARS);
}

function headOf(task: string): string {
  return `${JSON.stringify({ everpool: 'journal', version: VERSION, task })}\n`;
}

/** @throws if no line can hold it */
export function lineOf(outcome: Outcome, key: string): string {
  const { index, status, attempts, ms } = outcome;
  const head = `{"i":${index},"k":"${key}","ok":${status === 'fulfilled'},"a":${attempts},"ms":${Math.round(ms * 1000) / 1000}`;
  const value: unknown = status === 'fulfilled' ? outcome.value : outcome.reason;
  const { codec, body, attachments } = encode(value);
  if (status === 'fulfilled' && codec === Codec.Undefined) return `${head}}\n`;
  if (status === 'fulfilled' && codec === Codec.Json) return `${head},"v":${body as string}}\n`;
  const parts = [body ?? '', ...attachments].map((part) => JSON.stringify(Buffer.from(part as Buffer).toString('base64')));
  const said = status === 'fulfilled' ? '' : `,"e":${JSON.stringify(describe(value))}`;
  return `${head}${said},"c":[${codec},${parts.join(',')}]}\n`;
}

/** One open journal: what it held, and where more is appended. */
export class JournalFile {
  readonly #path: string;
  readonly #task: string;
  readonly #handle: JournalHandle;
  /** What was recalled is forgotten: it is asked for once. */
  readonly #places = new Map<number, Place>();
  /** Of the whole lines that it held. */
  #end = 0;
  #lines = 0;
  /** The highest index that it held; -1: none. */
  last = -1;

  private constructor(path: string, task: string, handle: JournalHandle) {
    this.#path = path;
    this.#task = task;
    this.#handle = handle;
  }

  /** Makes or reads it; an unfinished last line is dropped. @throws EverpoolError (ERR_EVERPOOL_JOURNAL) */
  static async open(store: JournalStore, path: string, task: string): Promise<JournalFile> {
    let handle: JournalHandle | undefined;
    try {
      handle = await store.open(path);
      const file = new JournalFile(path, task, handle);
      await file.#read();
      if (file.#lines === 0) await file.append([headOf(task)]);
      else await handle.sync(); // what was written and never synced is reported from now on
      return file;
    } catch (error) {
      await handle?.close();
      throw error instanceof EverpoolError ? error : journalError(path, `cannot be used: ${textOf(error)}`, error);
    }
  }

  async #read(): Promise<void> {
    const piece = Buffer.allocUnsafe(CHUNK_BYTES);
    let started: Buffer[] = []; // of a line whose end is still to come
    for (let position = 0; ; ) {
      const count = await this.#handle.read(piece, position);
      if (count <= 0) break;
      position += count;
      const bytes = piece.subarray(0, count);
      const all: Uint8Array = bytes; // whose `indexOf` is the engine's: with globals of the program's making, that of a Buffer can end this process
      let from = 0;
      for (let at = all.indexOf(NEWLINE); at >= 0; at = all.indexOf(NEWLINE, from)) {
        this.#take(Buffer.concat([...started, bytes.subarray(from, at)]), 1);
        started = [];
        from = at + 1;
      }
      if (from < count) started.push(Buffer.from(bytes.subarray(from)));
    }
    if (started.length > 0) await this.#mend(Buffer.concat(started));
  }

  /** A last line without an end: its process was killed while it wrote, and nobody was told of it. Or an editor has taken the end away. */
  async #mend(rest: Buffer): Promise<void> {
    if (isWhole(rest)) {
      this.#take(rest, 0);
      await this.append(['\n']);
      this.#end += 1;
    } else if (this.#lines > 0 || headOf(this.#task).startsWith(rest.toString())) await this.#handle.truncate(this.#end);
    else this.#take(rest, 0); // it is no journal, and says so
  }

  #take(bytes: Buffer, newline: 0 | 1): void {
    this.#lines += 1;
    const number = this.#lines;
    const line = parsed(bytes);
    if (number === 1) this.#checkHead(line);
    else if (line === undefined) throw journalError(this.#path, `is damaged: line ${number} is no JSON`);
    else if (!isLine(line)) throw journalError(this.#path, `is damaged: line ${number} is none of a journal`);
    else {
      this.#places.set(line.i, { at: this.#end, length: bytes.length, key: line.k, ok: line.ok });
      this.last = Math.max(this.last, line.i);
    }
    this.#end += bytes.length + newline;
  }

  #checkHead(line: unknown): void {
    const path = this.#path;
    if (line === undefined) throw journalError(path, 'is no journal, or damaged: line 1 is no JSON');
    const { everpool, version, task } = Object(line) as Record<string, unknown>;
    if (everpool !== 'journal') throw journalError(path, 'is another file: its first line is none of a journal');
    if (version !== VERSION) throw journalError(path, `is of version ${String(version)}, and this is ${VERSION}`);
    if (task !== this.#task) throw journalError(path, `belongs to the task '${String(task)}', not to '${this.#task}'`);
  }

  /** Whether the item is there, and whether it succeeded. @throws EverpoolError if it was another item */
  state(index: number, key: string): 'missing' | 'failed' | 'succeeded' {
    const place = this.#places.get(index);
    if (place === undefined) return 'missing';
    if (place.key !== key) throw journalError(this.#path, `belongs to another input: its item ${index} was another one`);
    return place.ok ? 'succeeded' : 'failed';
  }

  /** How the item ended, which must be there: the last word on it counts. @throws EverpoolError (ERR_EVERPOOL_JOURNAL) */
  async find(index: number): Promise<Outcome> {
    try {
      const { at, length } = this.#places.get(index) as Place;
      this.#places.delete(index);
      const bytes = Buffer.alloc(length);
      for (let got = 0; got < length; ) {
        const count = await this.#handle.read(bytes.subarray(got), at + got);
        if (count <= 0) throw new Error('it has become shorter');
        got += count;
      }
      const line = JSON.parse(bytes.toString()) as Line;
      const value = line.c === undefined ? line.v : decodeParts(line.c);
      return line.ok ? fulfilled(index, value, line.a, line.ms) : rejected(index, value, line.a, line.ms);
    } catch (error) {
      throw journalError(this.#path, `is damaged: its item ${index} cannot be read: ${textOf(error)}`, error);
    }
  }

  /** Resolves when all of them would survive the end of the machine. @throws what keeps them from that: then nothing more may be appended */
  async append(lines: readonly string[]): Promise<void> {
    const bytes = Buffer.concat(lines.map((line) => Buffer.from(line)));
    for (let at = 0; at < bytes.length; ) {
      const count = await this.#handle.append(bytes.subarray(at));
      if (!(count > 0)) throw new Error('nothing was written');
      at += count;
    }
    await this.#handle.sync();
  }

  /** It is unlocked when this returns. Never rejects. */
  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Undefined: it is no JSON. A mark of the order of bytes, as some editors put it at the beginning of a file, is none of the text. */
function parsed(bytes: Buffer): unknown {
  try {
    return isUtf8(bytes) ? JSON.parse(bytes.toString().replace(/^\uFEFF/, '')) : undefined;
  } catch {
    return undefined;
  }
}

/** Nothing is missing but, perhaps, its end. */
function isWhole(bytes: Buffer): boolean {
  return typeof parsed(bytes) === 'object';
}

function isLine(line: unknown): line is Line {
  const { i, k, ok, a, ms, c } = Object(line) as Partial<Record<keyof Line, unknown>>;
  const isHead = Number.isSafeInteger(i) && (i as number) >= 0 && typeof k === 'string' && typeof ok === 'boolean';
  return isHead && typeof a === 'number' && typeof ms === 'number' && (c === undefined || Array.isArray(c));
}

function decodeParts(parts: readonly [number, ...string[]]): unknown {
  const [codec, body = '', ...attachments] = parts;
  const bytes = (text: string): Buffer => {
    const whole = Buffer.from(text, 'base64');
    const own = Buffer.allocUnsafeSlow(whole.length); // decoded values are views of it
    whole.copy(own);
    return own;
  };
  return decode(codec, bytes(body), attachments.map(bytes));
}
