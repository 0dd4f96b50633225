/** Where the results go: a file or stdout, a line of JSON each, no faster than they can be written. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { inspect } from 'node:util';
import type { BatchOutcome } from '../pool/batch.js';

export class Output {
  readonly #stream: Writable;
  readonly #isOwn: boolean;
  /** Why nothing more can be written: a closed pipe, a full disk. */
  error: NodeJS.ErrnoException | undefined;

  constructor(file: string | undefined) {
    this.#isOwn = file !== undefined && file !== '-';
    this.#stream = this.#isOwn ? createWriteStream(file as string) : process.stdout;
    this.#stream.on('error', (error: NodeJS.ErrnoException) => {
      this.error ??= error;
    });
  }

  async write(line: string): Promise<void> {
    if (this.error !== undefined) return;
    if (this.#stream.write(`${line}\n`)) return;
    // Neither may ever come of a stream that has failed.
    await Promise.race([once(this.#stream, 'drain'), once(this.#stream, 'close')]).catch(() => undefined);
  }

  async end(): Promise<void> {
    if (!this.#isOwn || this.error !== undefined) return;
    this.#stream.end();
    await once(this.#stream, 'close').catch(() => undefined);
  }
}

export function lineOf(outcome: BatchOutcome<unknown>): string {
  const { index, attempts, ms } = outcome;
  const rest = { attempts, ms: Math.round(ms * 1000) / 1000 };
  if (outcome.status === 'rejected') return JSON.stringify({ index, ok: false, error: errorOf(outcome.reason), ...rest });
  try {
    return JSON.stringify({ index, ok: true, value: outcome.value, ...rest });
  } catch {
    return JSON.stringify({ index, ok: true, text: inspect(outcome.value), ...rest }); // a BigInt, a cycle
  }
}

function errorOf(reason: unknown): { name: string; message: string; code?: unknown } {
  if (!(reason instanceof Error)) return { name: 'Error', message: inspect(reason) };
  const { code } = reason as { code?: unknown };
  return { name: reason.name, message: reason.message, ...(code === undefined ? {} : { code }) };
}
