import { EverpoolError } from '../../shared/errors.js';

/**
 * The files of journals, as part of the platform (pool/platform.ts). The real one is
 * node-journal-store.ts; a simulation can make every call fail.
 *
 * Each method may fail at any time with any error. The journal then fails its batch, and calls only
 * `close`.
 */
export interface JournalStore {
  /**
   * Opens or creates the file, and locks it: nobody else on the machine writes it until `close`.
   * @throws EverpoolError (ERR_EVERPOOL_JOURNAL), or the system's error, before the file is read or
   * changed
   */
  open(path: string): Promise<JournalHandle>;
}

/** One open journal. */
export interface JournalHandle {
  /**
   * Reads from `position` on into the buffer. Returns the number of bytes, 0 at the end of the
   * file.
   */
  read(into: Buffer, position: number): Promise<number>;
  /**
   * Writes at the end of the file. Returns the number of bytes written, which may be fewer than
   * all.
   */
  append(bytes: Buffer): Promise<number>;
  /** Shortens the file. */
  truncate(size: number): Promise<void>;
  /** Resolves when everything appended survives a crash of the machine. */
  sync(): Promise<void>;
  /**
   * Unlocks the file before it returns, and closes it after the calls that are pending. Never
   * rejects.
   */
  close(): Promise<void>;
}

export function journalError(path: string, what: string, cause?: unknown): EverpoolError {
  return new EverpoolError(`the journal ${path} ${what}`, 'ERR_EVERPOOL_JOURNAL', cause === undefined ? undefined : { cause });
}
