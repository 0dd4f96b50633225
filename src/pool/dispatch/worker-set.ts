/** Sets of lanes with O(1) add, remove and choice; each lane has a place for each set that it may be in. */

/** A lane's place in one list; only the list writes the index. */
export class SetPlace<Lane> {
  readonly item: Lane;
  /** -1: not in it. */
  index = -1;

  constructor(leases: Lane) {
    this.item = leases;
  }
}

export class WorkerSet<Lane> {
  readonly #places: SetPlace<Lane>[] = [];
  #turn = 0;

  get size(): number {
    return this.#places.length;
  }

  set(place: SetPlace<Lane>, isIn: boolean): void {
    const { index } = place;
    if (isIn === index >= 0) return;
    if (isIn) {
      place.index = this.#places.length;
      this.#places.push(place);
      return;
    }
    const last = this.#places.pop() as SetPlace<Lane>;
    if (last !== place) {
      this.#places[index] = last;
      last.index = index;
    }
    place.index = -1;
  }

  /** The one that came last: of workers that are free, its caches are the warmest. */
  get latest(): Lane | undefined {
    return this.#places.at(-1)?.item;
  }

  /** One of them, in turn. */
  next(): Lane | undefined {
    const { length } = this.#places;
    if (length === 0) return undefined;
    this.#turn = this.#turn + 1 < length ? this.#turn + 1 : 0;
    return this.#places[this.#turn]?.item;
  }
}

/** The lanes with a free place, by rank (worker-leases.ts): the lowest first, and of one rank the latest or each in turn. */
export class RankedWorkers<Lane> {
  readonly #byRank: WorkerSet<Lane>[] = [];
  #size = 0;
  #lowest = 0; // below it no rank has any

  get size(): number {
    return this.#size;
  }

  /** Those of a lower rank. */
  countBelow(rank: number): number {
    let count = 0;
    for (let each = this.#lowest; each < rank; each += 1) count += this.#byRank[each]?.size ?? 0;
    return count;
  }

  /** Puts it where it belongs now; -1: nowhere. */
  set(place: RankedPlace<Lane>, rank: number): void {
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

  /** Of the lowest rank that has any. */
  get first(): WorkerSet<Lane> | undefined {
    if (this.#size === 0) return undefined;
    while (this.#byRank[this.#lowest]?.size === 0) this.#lowest += 1;
    return this.#byRank[this.#lowest];
  }
}

export class RankedPlace<Lane> extends SetPlace<Lane> {
  rank = -1;
}
