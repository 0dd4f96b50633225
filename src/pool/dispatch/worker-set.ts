/**
 * Sets of workers with O(1) add, remove and choice. A member has a place for each set that it may
 * be in, and the place stores its index. The sets know nothing about workers; the dispatcher
 * decides who is in.
 */

/** The place of a member in one set. Only the set writes the index. */
export class Place<T> {
  readonly item: T;
  /** -1: not in the set. */
  index = -1;

  constructor(item: T) {
    this.item = item;
  }
}

export class WorkerSet<T> {
  readonly #places: Place<T>[] = [];
  #turn = 0;

  get size(): number {
    return this.#places.length;
  }

  set(place: Place<T>, isIn: boolean): void {
    const { index } = place;
    if (isIn === index >= 0) return;
    if (isIn) {
      place.index = this.#places.length;
      this.#places.push(place);
      return;
    }
    const last = this.#places.pop() as Place<T>;
    if (last !== place) {
      this.#places[index] = last;
      last.index = index;
    }
    place.index = -1;
  }

  /** The member added last: among free workers, its caches are the warmest. */
  get latest(): T | undefined {
    return this.#places.at(-1)?.item;
  }

  /** Returns the members in turn. */
  next(): T | undefined {
    const { length } = this.#places;
    if (length === 0) return undefined;
    this.#turn = this.#turn + 1 < length ? this.#turn + 1 : 0;
    return this.#places[this.#turn]?.item;
  }
}

/**
 * Members by rank (lease-table.ts): the lowest rank first; within a rank, the latest or each in
 * turn.
 */
export class RankedWorkers<T> {
  readonly #byRank: WorkerSet<T>[] = [];
  #size = 0;
  #lowest = 0; // ranks below are empty

  get size(): number {
    return this.#size;
  }

  /** The number of members with a lower rank. */
  countBelow(rank: number): number {
    let count = 0;
    for (let each = this.#lowest; each < rank; each += 1) count += this.#byRank[each]?.size ?? 0;
    return count;
  }

  /** Moves a member to a rank; -1 removes it. */
  set(place: RankedPlace<T>, rank: number): void {
    const { rank: before } = place;
    if (rank === before) return;
    place.rank = rank;
    if (before >= 0) {
      this.#byRank[before]?.set(place, false);
      this.#size -= 1;
    }
    if (rank < 0) return;
    for (let next = this.#byRank.length; next <= rank; next += 1) this.#byRank.push(new WorkerSet());
    this.#byRank[rank]?.set(place, true);
    this.#size += 1;
    if (rank < this.#lowest) this.#lowest = rank;
  }

  /** The members of the lowest rank that has any. */
  get first(): WorkerSet<T> | undefined {
    if (this.#size === 0) return undefined;
    while (this.#byRank[this.#lowest]?.size === 0) this.#lowest += 1;
    return this.#byRank[this.#lowest];
  }
}

export class RankedPlace<T> extends Place<T> {
  rank = -1;
}
