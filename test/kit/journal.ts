/** Files of journals in memory, on a disk that may fail at each call. */
import type { JournalHandle, JournalStore } from '../../src/pool/batch/journal-store.js';

export type DiskCall = 'open' | 'read' | 'append' | 'truncate' | 'sync';

export class MemoryJournals implements JournalStore {
  readonly files = new Map<string, Buffer>();
  /** Every call, in order. */
  readonly calls: DiskCall[] = [];
  /** The number of bytes of a journal that survive a crash of the machine. */
  readonly synced = new Map<string, number>();
  readonly #open = new Set<string>();
  /** Throws if this call, the nth of all, must fail. */
  onCall: (call: DiskCall, nth: number) => void = () => undefined;
  /** How many of the bytes one call writes. */
  portionOf: (length: number) => number = (length) => length;

  get openCount(): number {
    return this.#open.size;
  }

  text(path: string): string {
    return String(this.files.get(path) ?? '');
  }

  async open(path: string): Promise<JournalHandle> {
    await this.#call('open');
    if (this.#open.has(path)) throw new Error('it is open');
    this.#open.add(path);
    const bytes = (): Buffer => this.files.get(path) ?? Buffer.alloc(0);
    return {
      read: async (into, position) => {
        await this.#call('read');
        return bytes().copy(into, 0, position);
      },
      append: async (more) => {
        const written = more.subarray(0, this.portionOf(more.length));
        const add = (count: number): void => {
          this.files.set(path, Buffer.concat([bytes(), written.subarray(0, count)]));
        };
        try {
          await this.#call('append');
        } catch (error) {
          add(Math.floor(written.length / 2)); // a torn line
          throw error;
        }
        add(written.length);
        return written.length;
      },
      truncate: async (size) => {
        await this.#call('truncate');
        this.files.set(path, bytes().subarray(0, size));
      },
      sync: async () => {
        await this.#call('sync');
        this.synced.set(path, bytes().length);
      },
      close: async () => {
        this.#open.delete(path);
      },
    };
  }

  async #call(call: DiskCall): Promise<void> {
    this.calls.push(call);
    await new Promise((resolve) => setImmediate(resolve));
    this.onCall(call, this.calls.length);
  }
}
