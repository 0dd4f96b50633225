/**
 * Watches the worker's stdout and stderr, if the task module uses them: for unwritten output when
 * the worker leaves, and for their errors.
 *
 * Node makes each of the two streams when it is first read from `process`. This file makes neither:
 * that takes a millisecond, and changes the mode of a descriptor that other processes share.
 */
import type { Writable } from 'node:stream';

// Captured: task modules may replace them.
const after: typeof setTimeout = setTimeout;
const { apply, defineProperty, getOwnPropertyDescriptor } = Reflect;

/** A pipe with a slow reader takes some milliseconds at least. */
const CHECK_EVERY_MS = 5;

const streams: Writable[] = [];

/** Must be called before the task module runs. */
export function watchOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const property = getOwnPropertyDescriptor(process, name);
    const make = property?.get;
    if (property?.configurable !== true || make === undefined) continue; // the program has replaced it
    let stream: Writable | undefined;
    const get = (): Writable => {
      if (stream === undefined) {
        stream = apply(make, process, []) as Writable;
        watch(stream);
      }
      return stream;
    };
    defineProperty(process, name, { ...property, get });
  }
}

function watch(stream: Writable): void {
  streams.push(stream);
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // The reader has exited: `node app.mjs | head -1`. The program decides about that; a worker
    // must not die of it.
    if (error.code === 'EPIPE') return;
    if (stream.listenerCount('error') === 1) throw error; // as Node does without a listener
  });
}

/** Calls back when all output has left this process; synchronously, if it has already. */
export function whenWritten(done: () => void): void {
  if (streams.every(isEmpty)) done();
  else after(() => whenWritten(done), CHECK_EVERY_MS);
}

function isEmpty(stream: Writable): boolean {
  return stream.destroyed || stream.writableLength === 0;
}
