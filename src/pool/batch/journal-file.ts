/**
 * The file of a journal: lines of JSON, only ever appended. The first line names the task, each
 * other line holds a finished item:
 *
 *   {"everpool":"journal","version":1,"task":"resize"}
 *   {"i":0,"k":"2fd4e1c67a2d28fc","ok":true,"a":1,"ms":3.2,"v":{"width":100}}
 *
 *   i   the index of the item
 *   k   the beginning of the SHA-1 of its encoded arguments
 *   ok  whether it succeeded
 *   a   the number of attempts
 *   ms  milliseconds of the last attempt
 *   v   the result, if JSON carries it exactly
 *   c   any other result, or the error: [codec, body and attachments in base64]
 *   e   the error as text, for a human reader
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

/** Where the line of an item stands in the file, and what it says of the item. */
interface Place {
  readonly at: number;
  readonly length: number;
  readonly key: string;
  readonly ok: boolean;
}

/** The key of an item's arguments. */
export function keyOf({ codec, body, attachments }: Encoded): string {
  const hash = createHash('sha1').update(String(codec));
  if (body !== undefined) hash.update(body);
  for (const each of attachments) hash.update(each);
  return hash.digest('hex').slice(0, KEY_CHARS);
}

function headOf(task: string): string {
  return `${JSON.stringify({ everpool: 'journal', version: VERSION, task })}\n`;
}

/** @throws if the value cannot be encoded */
export function lineOf(outcome: Outcome, key: string): string {
  const { index, status, attempts, ms } = outcome;
  const head = `{"i":${index},"k":"${key}","ok":${status === 'fulfilled'},"a":${attempts},"ms":${Math.round(ms * 1000) / 1000}`;
  const value: unknown = status === 'fulfilled' ? outcome.value : outcome.reason;
  const { codec, body, attachments } = encode(value);
  if (status === 'fulfilled' && codec === Codec.Undefined) return `${head}}\n`;
  if (status === 'fulfilled' && codec === Codec.Json) return `${head},"v":${body as string}}\n`;
  const parts = [body ?? '', ...attachments].map((part) => JSON.stringify(Buffer.from(part as Buffer).toString('base64')));
  const errorText = status === 'fulfilled' ? '' : `,"e":${JSON.stringify(describe(value))}`;
  return `${head}${errorText},"c":[${codec},${parts.join(',')}]}\n`;
}

/** One open journal: the items that it held, and the end where more is appended. */
export class JournalFile {
  readonly #path: string;
  readonly #task: string;
  readonly #handle: JournalHandle;
  /** A place is dropped when its item is read, as each is read once. */
  readonly #places = new Map<number, Place>();
  /** The end of the last whole line that it held. */
  #end = 0;
  #lines = 0;
  /** The highest index that it held; -1: none. */
  last = -1;

  private constructor(path: string, task: string, handle: JournalHandle) {
    this.#path = path;
    this.#task = task;
    this.#handle = handle;
  }

  /**
   * Creates or reads the file, and drops an unfinished last line.
   * @throws EverpoolError (ERR_EVERPOOL_JOURNAL)
   */
  static async open(store: JournalStore, path: string, task: string): Promise<JournalFile> {
    let handle: JournalHandle | undefined;
    try {
      handle = await store.open(path);
      const file = new JournalFile(path, task, handle);
      await file.#read();
      if (file.#lines === 0) await file.append([headOf(task)]);
      else await handle.sync(); // lines that were written and never synced are reported from now on
      return file;
    } catch (error) {
      await handle?.close();
      throw error instanceof EverpoolError ? error : journalError(path, `cannot be used: ${textOf(error)}`, error);
    }
  }

  async #read(): Promise<void> {
    const piece = Buffer.allocUnsafe(CHUNK_BYTES);
    let started: Buffer[] = []; // the parts of a line whose end is still to come
    for (let position = 0; ; ) {
      const count = await this.#handle.read(piece, position);
      if (count <= 0) break;
      position += count;
      const bytes = piece.subarray(0, count);
      // As a Uint8Array, its `indexOf` is the engine's. That of a Buffer can end this process if
      // the program has replaced globals.
      const all: Uint8Array = bytes;
      let from = 0;
      for (let at = all.indexOf(NEWLINE); at >= 0; at = all.indexOf(NEWLINE, from)) {
        this.#take(Buffer.concat([...started, bytes.subarray(from, at)]), 1);
        started = [];
        from = at + 1;
      }
      if (from < count) started.push(Buffer.from(bytes.subarray(from)));
    }
    if (started.length > 0) await this.#repair(Buffer.concat(started));
  }

  /**
   * A last line without its newline. Either a process was killed while it wrote the line, and has
   * not reported the item, or an editor has removed the newline.
   */
  async #repair(rest: Buffer): Promise<void> {
    if (isWhole(rest)) {
      this.#take(rest, 0);
      await this.append(['\n']);
      this.#end += 1;
    } else if (this.#lines > 0 || headOf(this.#task).startsWith(rest.toString())) await this.#handle.truncate(this.#end);
    else this.#take(rest, 0); // throws: the file is not a journal
  }

  #take(bytes: Buffer, newline: 0 | 1): void {
    this.#lines += 1;
    const number = this.#lines;
    const line = parsed(bytes);
    if (number === 1) this.#checkHead(line);
    else if (line === undefined) throw journalError(this.#path, `is damaged: line ${number} is not JSON`);
    else if (!isLine(line)) throw journalError(this.#path, `is damaged: line ${number} is not a line of a journal`);
    else {
      this.#places.set(line.i, { at: this.#end, length: bytes.length, key: line.k, ok: line.ok });
      this.last = Math.max(this.last, line.i);
    }
    this.#end += bytes.length + newline;
  }

  #checkHead(line: unknown): void {
    const path = this.#path;
    if (line === undefined) throw journalError(path, 'is not a journal, or is damaged: line 1 is not JSON');
    const { everpool, version, task } = Object(line) as Record<string, unknown>;
    if (everpool !== 'journal') throw journalError(path, 'is not a journal (unexpected first line)');
    if (version !== VERSION) throw journalError(path, `has version ${String(version)}, but this everpool reads version ${VERSION}`);
    if (task !== this.#task) throw journalError(path, `belongs to the task '${String(task)}', not to '${this.#task}'`);
  }

  /** @throws EverpoolError if the journal has other arguments for the item */
  state(index: number, key: string): 'missing' | 'failed' | 'succeeded' {
    const place = this.#places.get(index);
    if (place === undefined) return 'missing';
    if (place.key !== key) throw journalError(this.#path, `belongs to another input: its item ${index} had other arguments`);
    return place.ok ? 'succeeded' : 'failed';
  }

  /**
   * Reads the outcome of an item that is there; of several lines the last counts.
   * @throws EverpoolError (ERR_EVERPOOL_JOURNAL)
   */
  async find(index: number): Promise<Outcome> {
    try {
      const { at, length } = this.#places.get(index) as Place;
      this.#places.delete(index);
      const bytes = Buffer.alloc(length);
      for (let got = 0; got < length; ) {
        const count = await this.#handle.read(bytes.subarray(got), at + got);
        if (count <= 0) throw new Error('the file has become shorter');
        got += count;
      }
      const line = JSON.parse(bytes.toString()) as Line;
      const value = line.c === undefined ? line.v : decodeParts(line.c);
      return line.ok ? fulfilled(index, value, line.a, line.ms) : rejected(index, value, line.a, line.ms);
    } catch (error) {
      throw journalError(this.#path, `is damaged: its item ${index} cannot be read: ${textOf(error)}`, error);
    }
  }

  /**
   * Resolves when the lines would survive a crash of the machine. After an error nothing more may
   * be appended.
   */
  async append(lines: readonly string[]): Promise<void> {
    const bytes = Buffer.concat(lines.map((line) => Buffer.from(line)));
    for (let at = 0; at < bytes.length; ) {
      const count = await this.#handle.append(bytes.subarray(at));
      if (!(count > 0)) throw new Error('nothing was written');
      at += count;
    }
    await this.#handle.sync();
  }

  /** Unlocks the file before it returns. Never rejects. */
  close(): Promise<void> {
    return this.#handle.close();
  }
}

/**
 * Undefined: the bytes are not JSON. A byte-order mark, which some editors put first, is skipped.
 */
function parsed(bytes: Buffer): unknown {
  try {
    return isUtf8(bytes) ? JSON.parse(bytes.toString().replace(/^\uFEFF/, '')) : undefined;
  } catch {
    return undefined;
  }
}

/** Nothing is missing but the newline. */
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
