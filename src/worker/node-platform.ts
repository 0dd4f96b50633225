/** The real platform of a worker process. */
import { inspect } from 'node:util';
import { CONTROL_FILE_FD, FROM_WORKER_FD, OFFERS_FD } from '../ipc/descriptors.js';
import { checkBuffers } from '../ipc/frame.js';
import { compile } from './compile.js';
import { writeAll } from './node-channel.js';
import { NodeControlFile } from './node-control-file.js';
import type { WorkerPlatform } from './platform.js';
import { watchOutput, whenWritten } from './standard-output.js';

const STDERR_FD = 2;
/** How long a worker that fails to boot waits for a blocked stderr. */
const PRINT_LIMIT_MS = 500;

// Captured: task modules may replace them (fake timers, mocks).
const hrtime: () => [seconds: number, nanoseconds: number] = process.hrtime.bind(process);
const after: typeof setTimeout = setTimeout;
const every: typeof setInterval = setInterval;
const immediately: typeof setImmediate = setImmediate;
const rss: () => number = process.memoryUsage.rss.bind(process.memoryUsage);
const exitAsNode: (code: number) => never = process.exit.bind(process);
/** Without the listeners of 'exit'. Missing from Node's types. */
const exitNow: (code: number) => never = (process as unknown as { reallyExit(code: number): never }).reallyExit.bind(process);

/**
 * The clock of the parent too (node-clock.ts). Not `performance`: naming it loads a module, 1.7 ms
 * of each boot.
 */
function now(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

export function openNodePlatform(): WorkerPlatform {
  watchOutput();
  return {
    now,
    controlFile: new NodeControlFile(CONTROL_FILE_FD, OFFERS_FD),
    send: (parts) => {
      try {
        checkBuffers();
        writeAll(FROM_WORKER_FD, parts);
      } catch (error) {
        // Either the parent has exited (EPIPE), or task code has closed the descriptor: nothing
        // more can be sent.
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') print(`everpool: the channel to the parent failed: ${error}\n`);
        exit(1);
      }
    },
    exit,
    whenWritten,
    load: async (module) => (module === undefined ? {} : await import(module)),
    compile,
    title: (text) => {
      try {
        process.title = text;
      } catch {
        // A task has frozen `process`, or redefined its title: the title stays as it is.
      }
    },
    later: (callback, delayMs) => {
      after(callback, delayMs).unref();
    },
    reportMemory: (everyMs, report) => {
      every(() => report(rss()), everyMs).unref();
    },
    crash,
    print,
  };
}

/**
 * The task module's listeners of 'exit' may throw, and it may have frozen or replaced something
 * that `process.exit` uses: the process ends all the same.
 */
function exit(code: number): never {
  try {
    exitAsNode(code);
  } catch (error) {
    printError(error);
  }
  return exitNow(code === 0 ? 1 : code);
}

function printError(error: unknown): void {
  try {
    print(`${inspect(error)}\n`);
  } catch {
    // It cannot even be inspected.
  }
}

/**
 * Only Node knows where a module cannot be parsed, and it prints that only for an uncaught error.
 */
function crash(error: unknown): boolean {
  if (!(error instanceof SyntaxError)) return false;
  immediately(() => {
    immediately(() => exit(1)); // the module may have a handler for uncaught exceptions
    throw error;
  });
  return true;
}

function print(text: string): void {
  try {
    writeAll(STDERR_FD, [Buffer.from(text)], PRINT_LIMIT_MS);
  } catch {
    // There is no other place to report to.
  }
}
