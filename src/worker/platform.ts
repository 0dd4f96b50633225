/**
 * The worker's access to the world: its platform. The runner reaches nothing else, so that the same
 * runner also works in a simulation, in virtual time, with a simulated parent. The real platform is
 * in node-platform.ts.
 */
import type { AbortKind } from '../shared/platform.js';

export type TaskFunction = (...args: unknown[]) => unknown;

export interface WorkerPlatform {
  /**
   * Milliseconds, with fractions, of the monotonic clock that all processes of the machine share.
   */
  now(): number;
  readonly controlFile: WorkerControlFile;
  /**
   * Sends bytes to the parent: synchronously, completely, in order. The caller may reuse them
   * afterwards.
   */
  send(parts: readonly Buffer[]): void;
  /** Ends the process. Returns only in a simulation. */
  exit(code: number): void;
  /**
   * Calls back once everything written to stdout and stderr has left this process; synchronously,
   * if it has already.
   */
  whenWritten?(done: () => void): void;
  /** Imports the task module and returns its namespace; an empty object if there is no module. */
  load(module: string | undefined): Promise<Record<string, unknown>>;
  /** Makes a function of the source that `exec` sent. @throws SyntaxError */
  compile(source: string): TaskFunction;
  /** Sets the process title. */
  title?(text: string): void;
  /** Calls back once; does not keep the process alive. */
  later?(callback: () => void, delayMs: number): void;
  /** Reports the resident memory repeatedly; does not keep the process alive. */
  reportMemory?(everyMs: number, report: (rssBytes: number) => void): void;
  /**
   * Ends the process with an uncaught error, if Node then prints more than `print` can. Returns
   * false if it would not.
   */
  crash?(error: unknown): boolean;
  /** Writes to stderr, synchronously: the parent keeps the tail of it. */
  print?(text: string): void;
}

/** The worker's side of its control file (ControlFile in shared/platform.ts). */
export interface WorkerControlFile {
  /** Takes the next offer, and returns its number; 0: there is none. */
  claim(): number;
  /** Records that the first `count` items of a chunk have started, or are about to. */
  startItems(seq: number, count: number): void;
  abortKind(seq: number): AbortKind | undefined;
}
