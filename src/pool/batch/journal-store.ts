import { EverpoolError } from '../../shared/errors.js';

/**
 * The door to the files of journals. The real one is node-journal-store.ts; a simulation can make every call fail.
 *
 * Each method may fail at any time with any error: the journal then fails its batch, and asks for nothing more than `close`.
 */
export interface JournalStore {
  /**
   * Opens the file, or makes it, and locks it: nobody else on the machine writes it until `close`.
   * @throws EverpoolError (ERR_EVERPOOL_JOURNAL), or the system's error, before the file is read or changed
   */
  open(path: string): Promise<JournalHandle>;
}

/** One open journal. */
export interface JournalHandle {
  /** Reads from `position` on into the buffer; gives how many bytes, 0 at the end of the file. */
  read(into: Buffer, position: number): Promise<number>;
  /** Writes at the end of the file; gives how many of the bytes it has written, which may be fewer. */
  append(bytes: Buffer): Promise<number>;
  /** Cuts the file. */
  truncate(size: number): Promise<void>;
  /** Resolves when what was appended survives the end of the machine. */
  sync(): Promise<void>;
  /** Unlocks the file before it returns, and closes it when what is under way has ended. Never rejects. */
  close(): Promise<void>;
}

export function journalError(path: string, what: string, cause?: unknown): EverpoolError {
  return new EverpoolError(`the journal ${path} ${what}`, 'ERR_EVERPOOL_JOURNAL', cause === undefined ? undefined : { cause });
}
