/**
 * A worker's stdout or stderr where it is a pipe: reported, and for an inherited stderr passed on.
 *
 * stderr is a pipe also with 'inherit', because its tail is kept for errors. It is passed on by writes to
 * descriptor 2, as the worker itself would write: a listener on `process.stderr` would change how the
 * user's own failing writes end, and without one an EPIPE there would be an uncaught exception (G9).
 */
import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Patience } from '../../shared/patience.js';
import type { Clock } from '../../shared/platform.js';

/** While the reader of an inherited stderr is slow, so is the worker, but not this process. */
const RETRY_MS = 10;

export class NodeOutput {
  readonly #stream: Socket;
  readonly #clock: Clock;
  #report: ((chunk: Buffer) => void) | undefined;
  #forwards: boolean;
  #waiting: Buffer[] = [];
  #taken = 0; // chunks
  #filter: ((text: string) => string) | undefined;

  constructor(stream: Socket, forwards: boolean, clock: Clock, report: (chunk: Buffer) => void) {
    this.#stream = stream;
    this.#forwards = forwards;
    this.#clock = clock;
    this.#report = report;
    stream.unref();
    stream.on('error', () => undefined); // what could be read has been reported
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  /** From now on its text goes through this first. */
  filter(filter: (text: string) => string): void {
    this.#filter = filter;
  }

  /** Resolves when what the worker wrote before it ended has been passed on, or the time is over. Its descendants may go on writing. */
  flush(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const patience = new Patience(this.#clock);
      let isOver = false;
      const end = (): void => {
        if (isOver) return;
        isOver = true;
        patience.stop();
        this.#clock.release();
        resolve();
      };
      let seen = -1;
      const check = (): void => {
        if (isOver) return;
        const isWaiting = this.#waiting.length > 0;
        if (this.#stream.destroyed || (!isWaiting && this.#taken === seen && this.#stream.readableLength === 0)) {
          end();
          return;
        }
        // One poll phase reads all that a pipe holds.
        seen = isWaiting ? -1 : this.#taken;
        if (isWaiting) this.#clock.setTimer(check, RETRY_MS);
        else this.#clock.afterPoll(check);
      };
      this.#clock.hold(); // as a write of this process itself would keep it alive
      patience.start(limitMs, end);
      check();
    });
  }

  release(): void {
    this.#report = undefined;
    this.#forwards = false;
    for (const chunk of this.#waiting.splice(0)) if (writeAll(chunk) !== undefined) break; // as much as goes at once
    this.#stream.destroy();
  }

  #take(whole: Buffer): void {
    const chunk = this.#filter === undefined ? whole : Buffer.from(this.#filter(whole.toString()));
    if (chunk.length === 0) return;
    this.#taken += 1;
    this.#report?.(chunk);
    if (this.#forwards) this.#forward(chunk);
  }

  #forward(chunk: Buffer): void {
    // Node resumes the pipes of a process that exits, paused or not: the order is kept here.
    if (this.#waiting.length > 0) {
      this.#waiting.push(chunk);
      return;
    }
    const rest = writeAll(chunk);
    if (rest === undefined) return;
    this.#waiting.push(rest);
    this.#stream.pause();
    this.#clock.setTimer(() => this.#retry(), RETRY_MS);
  }

  #retry(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const chunk of waiting) this.#forward(chunk);
    if (this.#waiting.length === 0) this.#stream.resume();
  }
}

let stderrFd: number | undefined;

/** Node makes a pipe or socket there non-blocking when `process.stderr` is first touched: till then a write could block for ever. */
function stderr(): number {
  stderrFd ??= process.stderr.fd ?? 2; // none in a worker thread
  return stderrFd;
}

/** Returns what could not be written yet. What can never be written (EPIPE, EBADF) is dropped: its reader has gone. */
function writeAll(chunk: Buffer): Buffer | undefined {
  let offset = 0;
  try {
    while (offset < chunk.length) offset += writeSync(stderr(), chunk, offset);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return chunk.subarray(offset);
  }
  return undefined;
}
