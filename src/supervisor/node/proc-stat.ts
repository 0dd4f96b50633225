/**
 * State and resident memory of one process, read from a descriptor that is kept open.
 *
 * A kept descriptor gives ESRCH after the death, so a reused pid cannot fool it, and costs 3 µs a reading
 * where opening the file each time costs 11 µs. Linux only.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { Vitals } from '../../shared/platform.js';

const UNOPENED = -1;
const AT_PAGESZ = 6n;
/** "state" is the first field behind the name, "rss" the 22nd (proc_pid_stat(5): the third and the 24th of all). */
const RSS_FIELD = 21;
const [SPACE, BRACKET, ZERO, STOPPED, SLEEPING, ZOMBIE] = Buffer.from(' )0TSZ') as unknown as [
  number,
  number,
  number,
  number,
  number,
  number,
];
/** No Buffer: with globals of the program's making, its `indexOf` can end this process. */
const text: Uint8Array = new Uint8Array(1024);

let pageBytes = 0;

export class ProcStat {
  readonly #pid: number;
  #fd = UNOPENED;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Only to be asked while the process has not been reaped; undefined where it cannot be known. */
  read(): Vitals | undefined {
    if (process.platform !== 'linux') return undefined;
    try {
      if (this.#fd === UNOPENED) this.#fd = openSync(`/proc/${this.#pid}/stat`, 'r');
      const length = readSync(this.#fd, text, 0, text.length, 0);
      // "pid (name) state ppid …": the name may hold spaces and brackets.
      const at = text.lastIndexOf(BRACKET, length - 1) + 2;
      const state = text[at];
      if (state === ZOMBIE) return undefined;
      let from = at;
      for (let field = 0; field < RSS_FIELD; field += 1) from = text.indexOf(SPACE, from) + 1;
      let pages = 0;
      for (let digit = text[from] as number; digit !== SPACE && from < length; digit = text[++from] as number)
        pages = 10 * pages + digit - ZERO;
      return { isStopped: state === STOPPED, isSleeping: state === SLEEPING, rssBytes: pages * pageSize() };
    } catch {
      return undefined; // ended, no /proc here, or no descriptor left (EMFILE)
    }
  }

  close(): void {
    if (this.#fd === UNOPENED) return;
    closeSync(this.#fd);
    this.#fd = UNOPENED;
  }
}
/** Node does not tell it, the kernel does: pairs of words (key, value) in the auxiliary vector. 4 KiB on 32-bit systems. */
function pageSize(): number {
  if (pageBytes > 0) return pageBytes;
  pageBytes = 4096;
  try {
    const vector = readFileSync('/proc/self/auxv');
    const words = new BigUint64Array(vector.buffer.slice(vector.byteOffset, vector.byteOffset + (vector.length & ~15)));
    for (let i = 0; i + 1 < words.length; i += 2) if (words[i] === AT_PAGESZ) pageBytes = Number(words[i + 1]);
  } catch {
    // not readable: the usual size
  }
  return pageBytes;
}
