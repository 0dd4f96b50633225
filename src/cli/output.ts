/** Writes the results to a file or stdout, one line of JSON each, with back-pressure. */
import { constants, createWriteStream, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type InspectOptions, inspect, types } from 'node:util';
import type { BatchOutcome } from '../pool/batch/batch.js';
import { deferred } from '../shared/deferred.js';
import { isStandard } from './files.js';

const POLL_MS = 20;
/** A value that JSON cannot express is shown in full. */
const WHOLE: InspectOptions = { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity };

/** Opens (and empties) its file for the first line, or at the end of a run without results. */
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
    const stream = await this.#open();
    if (stream?.write(`${line}\n`) === false) await either(stream, 'drain');
  }

  /** Resolves when every line is written or the output has failed. */
  async end(): Promise<void> {
    if (this.error !== undefined || this.#isAbandoned) return;
    if (isStandard(this.#file)) {
      const stream = this.#stream;
      if (stream !== undefined && stream.writableLength > 0) await either(stream, 'drain');
      return;
    }
    const stream = await this.#open();
    if (stream === undefined || stream.closed) return;
    stream.end();
    await either(stream, 'close');
  }

  /** Drops what is not written yet, so that a slow reader cannot hold the command. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#stream?.destroy();
  }

  /** Undefined if it was abandoned or cannot be opened. */
  async #open(): Promise<Writable | undefined> {
    if (this.#stream !== undefined) return this.#stream;
    const stream = isStandard(this.#file)
      ? stdout()
      : isFifo(this.#file)
        ? await this.#openFifo(this.#file)
        : createWriteStream(this.#file);
    stream?.on('error', (error: NodeJS.ErrnoException) => {
      this.error ??= error;
    });
    this.#stream = stream;
    return stream;
  }

  /**
   * Polls until the FIFO has a reader. Node would wait for one in a thread that nothing can
   * interrupt, not even the end of the process.
   */
  async #openFifo(file: string): Promise<Writable | undefined> {
    while (!this.#isAbandoned) {
      try {
        const fd = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK);
        return new Socket({ fd, readable: false, writable: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENXIO') {
          this.error ??= error as NodeJS.ErrnoException;
          return undefined;
        }
      }
      await sleep(POLL_MS);
    }
    return undefined;
  }
}

function isFifo(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFIFO() === true;
}

/** Resolves at the event, or when the stream fails or closes, as then the event may never come. */
async function either(stream: Writable, event: string): Promise<void> {
  const { promise, resolve } = deferred<void>();
  const events = [event, 'error', 'close'];
  for (const each of events) stream.once(each, resolve);
  await promise;
  for (const each of events) stream.removeListener(each, resolve);
}

/**
 * Makes stdout non-blocking. Node writes to a pipe synchronously: while the reader sleeps, the
 * command would be blocked and deaf to signals.
 */
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
    return JSON.stringify({ index, ok: true, text: inspect(outcome.value, WHOLE), ...rest }); // a BigInt, a circular reference
  }
}

/**
 * Converts what JSON would write as `{}`. Bytes become a list of numbers; a Buffer has a `toJSON`
 * that does the same.
 */
function collections(_key: string, value: unknown): unknown {
  if (value instanceof Map || value instanceof Set || value instanceof Headers) return [...value];
  if (types.isTypedArray(value)) return [...(value as Uint8Array)];
  if (types.isAnyArrayBuffer(value)) return [...new Uint8Array(value)];
  if (types.isDataView(value)) return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  if (types.isRegExp(value) || value instanceof URLSearchParams) return String(value);
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
