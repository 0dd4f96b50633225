/**
 * The file of a journal: lines of JSON, only ever appended. The first says what it belongs to, each other one holds a finished item:
 *
 *   {"everpool":"journal","version":1,"task":"resize"}
 *   {"i":0,"k":"2fd4e1c67a2d28fc","ok":true,"a":1,"ms":3.2,"v":{"width":100}}
 *
 * i: the item's index. k: the beginning of the SHA-1 of its encoded arguments. ok: whether it succeeded. a: attempts. ms: of the last one.
 * v: the result; what JSON cannot carry exactly stands in c, [codec, body and attachments in base64]. e: what it failed with, for the reader.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Codec, decode, describe, type Encoded, encode } from '../ipc/codec.js';
import { EverpoolError } from '../shared/errors.js';
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

/** Where an item's line stands. */
interface Place {
  readonly at: number;
  readonly length: number;
  readonly ok: boolean;
}

export function journalError(path: string, what: string, cause?: unknown): EverpoolError {
  return new EverpoolError(`the journal ${path} ${what}`, 'ERR_EVERPOOL_JOURNAL', cause === undefined ? undefined : { cause });
}

/** Of the arguments of an item. */
export function keyOf({ codec, body, attachments }: Encoded): string {
  const hash = createHash('sha1').update(String(codec));
  if (body !== undefined) hash.update(body);
  for (const each of attachments) hash.update(each);
  return hash.digest('hex').slice(0, KEY_CHARS);
}

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
  readonly #handle: FileHandle;
  readonly #places = new Map<number, Place>();
  #end = 0;
  /** The highest index that it holds; -1: none. */
  last = -1;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Makes or reads it; a torn last line is dropped. @throws EverpoolError (ERR_EVERPOOL_JOURNAL), or the system's error */
  static async open(path: string, task: string): Promise<JournalFile> {
    const handle = await open(path, 'a+');
    const file = new JournalFile(path, handle);
    try {
      await file.#read(task);
      if (file.#end === 0) await file.append(`${JSON.stringify({ everpool: 'journal', version: VERSION, task })}\n`);
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #read(task: string): Promise<void> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let rest: Buffer = Buffer.alloc(0);
    let number = 0;
    for (let position = 0; ; ) {
      const { bytesRead } = await this.#handle.read(chunk, 0, CHUNK_BYTES, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      let bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE)) {
        number += 1;
        this.#take(bytes.toString('utf8', 0, at), number, task, at + 1);
        bytes = bytes.subarray(at + 1);
      }
      rest = Buffer.from(bytes);
    }
    // It was being written when its process was killed: nobody was told of it.
    if (rest.length > 0) await this.#handle.truncate(this.#end);
  }

  #take(text: string, number: number, task: string, length: number): void {
    let line: Partial<Line> & { everpool?: unknown; version?: unknown; task?: unknown };
    try {
      line = JSON.parse(text);
    } catch (cause) {
      throw journalError(this.#path, `is no journal, or damaged: line ${number} is no JSON`, cause);
    }
    if (number === 1) {
      if (line.everpool !== 'journal') throw journalError(this.#path, 'is another file: its first line is none of a journal');
      if (line.version !== VERSION) throw journalError(this.#path, `is of version ${String(line.version)}, and this is ${VERSION}`);
      if (line.task !== task) throw journalError(this.#path, `belongs to the task '${String(line.task)}', not to '${task}'`);
    } else if (typeof line.i !== 'number' || typeof line.k !== 'string') {
      throw journalError(this.#path, `is damaged: line ${number} is none of a journal`);
    } else {
      this.#places.set(line.i, { at: this.#end, length, ok: line.ok === true });
      this.last = Math.max(this.last, line.i);
    }
    this.#end += length;
  }

  /** How the item ended, if that is known: the last word on it counts. @throws EverpoolError if it was another item */
  async find(index: number, key: string): Promise<Outcome | undefined> {
    const place = this.#places.get(index);
    if (place === undefined) return undefined;
    const bytes = Buffer.alloc(place.length);
    await this.#handle.read(bytes, 0, place.length, place.at);
    const line = JSON.parse(bytes.toString()) as Line;
    if (line.k !== key) throw journalError(this.#path, `belongs to another input: its item ${index} was another one`);
    const value = line.c === undefined ? line.v : decodeParts(line.c);
    return line.ok ? fulfilled(index, value, line.a, line.ms) : rejected(index, value, line.a, line.ms);
  }

  /** Whether the item is there, and whether it succeeded. */
  state(index: number): 'missing' | 'failed' | 'succeeded' {
    const place = this.#places.get(index);
    return place === undefined ? 'missing' : place.ok ? 'succeeded' : 'failed';
  }

  /** Resolves when it would survive the end of the machine. */
  async append(lines: string): Promise<void> {
    await this.#handle.appendFile(lines);
    await this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
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
