/**
 * The names of tasks, by number, with the statistics of each. A frame carries the number instead of
 * the name. The functions of `exec` have statistics by source and no number.
 */
import { type Encoded, encode } from '../../ipc/codec/codec.js';
import { type NameStats, newNameStats } from './task-durations.js';

/** The number of different `exec` sources whose statistics are kept. */
const MAX_SOURCES = 500;

export class NameTable {
  readonly #byName = new Map<string, NameStats>();
  readonly #byId: NameStats[] = [];
  readonly #sources = new Map<string, NameStats>();
  #last: NameStats | undefined;

  of(name: string): NameStats {
    if (this.#last?.name === name) return this.#last;
    let stats = this.#byName.get(name);
    if (stats === undefined) {
      stats = newNameStats(name, this.#byId.length + 1);
      this.#byName.set(name, stats);
      this.#byId.push(stats);
    }
    this.#last = stats;
    return stats;
  }

  /** The statistics of a function of `exec`, by its source; without a number. */
  ofSource(name: string, source: string): NameStats {
    let stats = this.#sources.get(source);
    if (stats === undefined) {
      if (this.#sources.size >= MAX_SOURCES) this.#sources.clear();
      stats = newNameStats(name, 0);
      this.#sources.set(source, stats);
    }
    return stats;
  }

  at(id: number): NameStats {
    return this.#byId[id - 1] as NameStats;
  }
}

export function encodedName(names: NameTable, id: number): Encoded {
  return encode(names.at(id).name);
}
