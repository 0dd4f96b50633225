/** Journal files in memory and in virtual time, on a disk that may fail at each call. */
import type { JournalHandle, JournalStore } from '../../src/pool/batch/journal-store.js';
import type { Random } from '../../src/testing/random.js';
import type { World } from './world.js';

export class SimDisk implements JournalStore {
  /** The number of failed calls, by file. */
  readonly #failures = new Map<string, number>();
  #paths = 0;
  /** From now on no call fails. */
  isCalm = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #failChance: number;
  readonly #files = new Map<string, Buffer>();
  /** The number of bytes that survive the end of the machine. */
  readonly #synced = new Map<string, number>();
  readonly #open = new Set<string>();

  constructor(world: World, random: Random, failChance: number) {
    this.#world = world;
    this.#random = random;
    this.#failChance = failChance;
  }

  get openCount(): number {
    return this.#open.size;
  }

  newPath(): string {
    this.#paths += 1;
    return `/sim/${this.#paths}.journal`;
  }
  failuresOf(path: string): number {
    return this.#failures.get(path) ?? 0;
  }

  /** Whether the line of the item is on the disk, whatever happens now. */
  holds(path: string, index: number): boolean {
    const safe = this.#bytes(path).subarray(0, this.#synced.get(path) ?? 0);
    return safe.includes(`{"i":${index},`);
  }

  async open(path: string): Promise<JournalHandle> {
    await this.#call('open', path);
    if (this.#open.has(path)) throw new Error('somebody else has it open');
    this.#open.add(path);
    return {
      read: async (into, position) => {
        await this.#call('read', path);
        return this.#bytes(path).copy(into, 0, position);
      },
      append: async (more) => {
        const written = this.#random.chance(0.1) ? more.subarray(0, this.#random.integer(1, more.length)) : more;
        const isWhole = await this.#call('append', path).then(
          () => true,
          (error: unknown) => error,
        );
        const count = isWhole === true ? written.length : this.#random.integer(0, written.length - 1); // a torn line
        this.#files.set(path, Buffer.concat([this.#bytes(path), written.subarray(0, count)]));
        if (isWhole !== true) throw isWhole;
        return count;
      },
      truncate: async (size) => {
        await this.#call('truncate', path);
        this.#files.set(path, Buffer.from(this.#bytes(path).subarray(0, size)));
      },
      sync: async () => {
        await this.#call('sync', path);
        this.#synced.set(path, this.#bytes(path).length);
      },
      close: async () => {
        this.#open.delete(path);
      },
    };
  }

  #bytes(path: string): Buffer {
    return this.#files.get(path) ?? Buffer.alloc(0);
  }

  async #call(call: string, path: string): Promise<void> {
    const world = this.#world;
    await new Promise<void>((resolve) => world.at(world.now() + this.#random.skewed(3), () => world.arrive(resolve)));
    if (this.isCalm || !this.#random.chance(this.#failChance)) return;
    this.#failures.set(path, this.failuresOf(path) + 1);
    world.log(`the disk fails to ${call}`, path);
    throw Object.assign(new Error(`ENOSPC: no space left on device, ${call}`), { code: 'ENOSPC' });
  }
}
