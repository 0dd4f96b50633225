/**
 * The worker's doors to the world. The runner reaches nothing else, so that the very same runner
 * also works in a simulation, in virtual time, beside a simulated parent. The real ones are in node-platform.ts.
 */
import type { AbortKind } from '../shared/platform.js';

export type TaskFunction = (...args: unknown[]) => unknown;

export interface WorkerPlatform {
  /** Milliseconds of the monotonic clock that all processes of the machine share, fractions included. */
  now(): number;
  readonly controlFile: WorkerControlFile;
  /** Sends bytes to the parent: synchronous, whole, in order. They may be reused after it. */
  send(parts: readonly Buffer[]): void;
  /** Ends the process. Only in a simulation does it return. */
  exit(code: number): void;
  /** Calls back when nothing that was written to stdout and stderr is still in this process, at once if so. */
  whenWritten?(done: () => void): void;
  /** Imports the task module and gives its namespace; without a module, an empty one. */
  load(module: string | undefined): Promise<Record<string, unknown>>;
  /** Makes a function of the source that `exec` sent. @throws SyntaxError */
  compile(source: string): TaskFunction;
  /** Sets the process title. */
  title?(text: string): void;
  /** Calls back once; does not keep the process alive. */
  later?(callback: () => void, delayMs: number): void;
  /** Tells the resident memory again and again; does not keep the process alive. */
  reportMemory?(everyMs: number, report: (rssBytes: number) => void): void;
  /** Ends the process as Node ends one that nobody catches the error of, if Node then tells more than `print` can; else false. */
  crash?(error: unknown): boolean;
  /** Writes to stderr, synchronously: the parent keeps the tail of it. */
  print?(text: string): void;
}

/** The worker's side of its note (shared/platform.ts, Note). */
export interface WorkerControlFile {
  /** Writes down that the attempt has started, or is dropped. */
  start(seq: number): void;
  /** Writes down that so many items of a chunk have started, or are about to. */
  startItems(seq: number, count: number): void;
  isRevoked(seq: number): boolean;
  abortKind(seq: number): AbortKind | undefined;
}
