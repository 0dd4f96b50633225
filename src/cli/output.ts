/** Where the results go: a file or stdout, a line of JSON each, no faster than they can be written. */
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { inspect } from 'node:util';
import type { BatchOutcome } from '../pool/batch.js';
import { deferred } from '../shared/deferred.js';
import { isStandard } from './files.js';

/** A file is opened, and what it had is gone, when the first line is written, or at the end of a run that gave none. */
export class Output {
  readonly #file: string | undefined;
  #stream: Writable | undefined;
  #isAbandoned = false;
  /** Why nothing more can be written: a closed pipe, a full disk. */
  error: NodeJS.ErrnoException | undefined;

  constructor(file: string | undefined) {
    this.#file = file;
  }

  async write(line: string): Promise<void> {
    if (this.error !== undefined || this.#isAbandoned) return;
    const stream = this.#open();
    if (!stream.write(`${line}\n`)) await either(stream, 'drain');
  }

  /** Resolves when every line is written, or cannot be. */
  async end(): Promise<void> {
    if (this.error !== undefined || this.#isAbandoned) return;
    if (isStandard(this.#file)) {
      const stream = this.#stream;
      if (stream !== undefined && stream.writableLength > 0) await either(stream, 'drain');
      return;
    }
    const stream = this.#open();
    if (stream.closed) return;
    stream.end();
    await either(stream, 'close');
  }

  /** Waits for no reader any longer. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#stream?.destroy();
  }

  #open(): Writable {
    if (this.#stream !== undefined) return this.#stream;
    this.#stream = isStandard(this.#file) ? stdout() : createWriteStream(this.#file);
    this.#stream.on('error', (error: NodeJS.ErrnoException) => {
      this.error ??= error;
    });
    return this.#stream;
  }
}

/** Resolves at that event, or when the stream has failed or is closed: then it may never come. */
async function either(stream: Writable, event: string): Promise<void> {
  const { promise, resolve } = deferred<void>();
  const events = [event, 'error', 'close'];
  for (const each of events) stream.once(each, resolve);
  await promise;
  for (const each of events) stream.removeListener(each, resolve);
}

/** Node writes to a pipe as if it were a file: while its reader sleeps, nothing else happens, and no signal is heard. */
function stdout(): Writable {
  const { _handle: handle } = process.stdout as { _handle?: { setBlocking?: (isBlocking: boolean) => void } };
  if (!process.stdout.isTTY) handle?.setBlocking?.(false);
  return process.stdout;
}

export function lineOf(outcome: BatchOutcome<unknown>): string {
  const { index, attempts, ms } = outcome;
  const rest = { attempts, ms: Math.round(ms * 1000) / 1000 };
  if (outcome.status === 'rejected') return JSON.stringify({ index, ok: false, error: errorOf(outcome.reason), ...rest });
  try {
    return JSON.stringify({ index, ok: true, value: outcome.value, ...rest }, collections);
  } catch {
    return JSON.stringify({ index, ok: true, text: inspect(outcome.value), ...rest }); // a BigInt, a cycle
  }
}

/** JSON makes `{}` of these. */
function collections(_key: string, value: unknown): unknown {
  if (value instanceof Map || value instanceof Set) return [...value];
  return value instanceof Error ? errorOf(value) : value;
}

function errorOf(reason: unknown): { name: string; message: string; code?: unknown } {
  if (!(reason instanceof Error)) return { name: 'Error', message: inspect(reason) };
  const { code } = reason as { code?: unknown };
  return {
    name: String(reason.name),
    message: String(reason.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
  };
}
