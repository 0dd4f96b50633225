/** The items: from a file or stdin, as NDJSON, a JSON array or lines; or from the command line. */
import { spawn } from 'node:child_process';
import { createReadStream, fstatSync, type Stats, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { UsageError } from './exit.js';
import { isStandard } from './files.js';

export type InputFormat = 'ndjson' | 'json' | 'lines';

export interface InputOptions {
  readonly in: string | undefined;
  readonly args: readonly string[] | undefined;
  readonly format: InputFormat | undefined;
  /** Ends the input, even while it waits for more. */
  readonly signal: AbortSignal;
  /** Called for a line that cannot be read, with its number (from 1) and the reason. */
  readonly onMalformed: (line: number, why: string) => void;
}

/** The byte order marks of UTF-8 and of both kinds of UTF-16. */
const MARKS = [Buffer.of(0xef, 0xbb, 0xbf), Buffer.of(0xff, 0xfe), Buffer.of(0xfe, 0xff)];
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** @throws UsageError, immediately or during the iteration */
export function readItems(options: InputOptions): AsyncIterable<unknown> {
  const { in: file, args, signal, onMalformed } = options;
  if (args !== undefined) return listed(args);
  const source = isStandard(file) ? process.stdin : opened(file);
  const end = (): void => void source.destroy();
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  switch (options.format ?? formatOf(file)) {
    case 'json':
      return array(source, signal);
    case 'lines':
      return texts(source, onMalformed);
    default:
      return ndjson(source, onMalformed);
  }
}

/**
 * Opens a file for reading. Node opens and reads a FIFO or a device in a thread that cannot be
 * interrupted, so `cat` reads it: a process can be killed.
 */
function opened(file: string): Readable {
  const stats = statSync(file);
  if (stats.isFile()) return createReadStream(file);
  if (isStdin(stats)) return process.stdin; // under any name
  const descriptor = /^\/(?:dev|proc\/(?:self|thread-self))\/fd\/(\d+)$/.exec(file)?.[1]; // such as the shell's <(…)
  if (descriptor !== undefined) return new Socket({ fd: Number(descriptor), readable: true, writable: false });
  const items = new PassThrough();
  const reader = spawn('cat', [resolve(file)], { stdio: ['ignore', 'pipe', 'inherit'] });
  reader.once('error', (error) => items.destroy(error));
  reader.stdout.pipe(items, { end: false });
  // Only an exit code of 0 proves that it has read everything.
  reader.once('close', (code, signal) => {
    if (code === 0) items.end();
    else items.destroy(new Error(`cat, which reads ${file}, ${signal === null ? `exited with code ${code}` : `was killed by ${signal}`}`));
  });
  items.once('close', () => reader.kill());
  return items;
}

function isStdin({ dev, ino }: Stats): boolean {
  try {
    const stdin = fstatSync(0);
    return stdin.dev === dev && stdin.ino === ino;
  } catch {
    return false; // it is closed
  }
}

function formatOf(file: string | undefined): InputFormat {
  if (isStandard(file) || /\.(ndjson|jsonl)$/i.test(file)) return 'ndjson';
  return /\.json$/i.test(file) ? 'json' : 'lines';
}

/** An argument that parses as JSON is that value; any other is text. */
async function* listed(args: readonly string[]): AsyncGenerator<unknown> {
  for (const text of args) {
    try {
      yield JSON.parse(text);
    } catch {
      yield text;
    }
  }
}

async function* array(source: Readable, signal: AbortSignal): AsyncGenerator<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of bytesOf(source)) chunks.push(chunk);
  if (signal.aborted) return; // the array is incomplete
  let items: unknown;
  try {
    items = JSON.parse(decoded(Buffer.concat(chunks)));
  } catch (error) {
    throw new UsageError(`the input is not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (!Array.isArray(items)) throw new UsageError('the input is JSON, but not an array');
  yield* items;
}

async function* texts(source: Readable, onMalformed: InputOptions['onMalformed']): AsyncGenerator<string> {
  for await (const { number, bytes } of lines(source)) {
    if (bytes.length === 0) continue;
    try {
      yield decoded(bytes);
    } catch (error) {
      onMalformed(number, (error as Error).message);
    }
  }
}

async function* ndjson(source: Readable, onMalformed: InputOptions['onMalformed']): AsyncGenerator<unknown> {
  for await (const { number, bytes } of lines(source)) {
    let item: unknown;
    try {
      const text = decoded(bytes);
      if (text.trim() === '') continue;
      item = JSON.parse(text);
    } catch (error) {
      onMalformed(number, (error as Error).message);
      continue;
    }
    yield item;
  }
}

/**
 * Lines end with LF or CRLF; the last one may end without. `node:readline` would also split at
 * U+2028 and U+2029, which may occur inside a JSON string.
 */
async function* lines(source: Readable): AsyncGenerator<{ number: number; bytes: Buffer }> {
  let number = 0;
  let begun: Buffer[] = [];
  const line = (end: Buffer): { number: number; bytes: Buffer } => {
    const whole = begun.length === 0 ? end : Buffer.concat([...begun, end]);
    begun = [];
    number += 1;
    return { number, bytes: whole.at(-1) === RETURN ? whole.subarray(0, -1) : whole };
  };
  for await (const chunk of bytesOf(source)) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      yield line(chunk.subarray(from, at));
      from = at + 1;
    }
    if (from < chunk.length) begun.push(chunk.subarray(from));
  }
  if (begun.length > 0) yield line(Buffer.alloc(0));
}

/** The chunks of a file without its byte order mark. Ends quietly when the source is destroyed. */
async function* bytesOf(source: Readable): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      if (head === undefined) yield chunk;
      else {
        head = Buffer.concat([head, chunk]);
        if (MARKS.some((mark) => mark.length > (head as Buffer).length && mark.indexOf(head as Buffer) === 0)) continue; // a mark may begin here
        yield withoutMark(head);
        head = undefined;
      }
    }
  } catch (error) {
    if (!source.destroyed || (error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    return;
  }
  if (head !== undefined) yield withoutMark(head);
}

/** @throws UsageError for UTF-16 */
function withoutMark(bytes: Buffer): Buffer {
  const mark = MARKS.find((each) => bytes.subarray(0, each.length).equals(each));
  if (mark?.length === 2) throw new UsageError('the input is UTF-16: convert it to UTF-8 first, for example with iconv -f UTF-16 -t UTF-8');
  return bytes.subarray(mark?.length ?? 0);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws TypeError for bytes that are not UTF-8; a replacement could name another file */
function decoded(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new TypeError(
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : `it is too long for a string (${bytes.length} bytes)`,
      {
        cause,
      },
    );
  }
}
