/** The items: from a file or stdin, as NDJSON, a JSON array or lines; or from the command line. */
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { UsageError } from './exit.js';

export type InputFormat = 'ndjson' | 'json' | 'lines';

export interface InputOptions {
  readonly in: string | undefined;
  readonly args: readonly string[] | undefined;
  readonly format: InputFormat | undefined;
  /** A line that is no JSON: its number in the input, from 1. */
  readonly onMalformed: (line: number, why: string) => void;
}

/** @throws UsageError before anything is read */
export function readItems(options: InputOptions): AsyncIterable<unknown> {
  const { in: file, args } = options;
  if (file !== undefined && args !== undefined) throw new UsageError('--in and --args exclude each other');
  if (args !== undefined) return listed(args);
  if (file !== undefined && file !== '-' && !existsSync(file)) throw new UsageError(`--in: there is no file ${file}`);
  const source = (): Readable => (file === undefined || file === '-' ? process.stdin : createReadStream(file));
  switch (options.format ?? formatOf(file)) {
    case 'json':
      return array(file);
    case 'lines':
      return lines(source());
    default:
      return ndjson(source(), options.onMalformed);
  }
}

function formatOf(file: string | undefined): InputFormat {
  if (file === undefined || file === '-' || /\.(ndjson|jsonl)$/i.test(file)) return 'ndjson';
  return /\.json$/i.test(file) ? 'json' : 'lines';
}

/** What looks like JSON is JSON; anything else is text. */
async function* listed(args: readonly string[]): AsyncGenerator<unknown> {
  for (const text of args) {
    try {
      yield JSON.parse(text);
    } catch {
      yield text;
    }
  }
}

async function* array(file: string | undefined): AsyncGenerator<unknown> {
  const text = file === undefined || file === '-' ? await textOf(process.stdin) : await readFile(file, 'utf8');
  let items: unknown;
  try {
    items = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`the input is no JSON: ${(error as Error).message}`, { cause: error });
  }
  if (!Array.isArray(items)) throw new UsageError('the input is JSON, and no array');
  yield* items;
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  return text;
}

async function* lines(source: Readable): AsyncGenerator<string> {
  for await (const line of createInterface({ input: source, crlfDelay: Number.POSITIVE_INFINITY })) if (line !== '') yield line;
}

async function* ndjson(source: Readable, onMalformed: InputOptions['onMalformed']): AsyncGenerator<unknown> {
  let number = 0;
  for await (const line of createInterface({ input: source, crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (line.trim() === '') continue;
    let item: unknown;
    try {
      item = JSON.parse(line);
    } catch (error) {
      onMalformed(number, (error as Error).message);
      continue;
    }
    yield item;
  }
}
