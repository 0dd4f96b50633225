/** A set of lanes with O(1) add, remove and choice; each lane has a place for each set that it may be in. */
/** A lane's place in one list; only the list writes the index. */
export class LanePlace<Lane> {
  readonly lane: Lane;
  /** -1: not in it. */
  index = -1;

  constructor(lane: Lane) {
    this.lane = lane;
  }
}

export class LaneList<Lane> {
  readonly #places: LanePlace<Lane>[] = [];
  #turn = 0;

  get size(): number {
    return this.#places.length;
  }

  set(place: LanePlace<Lane>, isIn: boolean): void {
    const { index } = place;
    if (isIn === index >= 0) return;
    if (isIn) {
      place.index = this.#places.length;
      this.#places.push(place);
      return;
    }
    const last = this.#places.pop() as LanePlace<Lane>;
    if (last !== place) {
      this.#places[index] = last;
      last.index = index;
    }
    place.index = -1;
  }

  /** The one that came last: of workers that are free, its caches are the warmest. */
  get latest(): Lane | undefined {
    return this.#places.at(-1)?.lane;
  }

  /** One of them, in turn. */
  next(): Lane | undefined {
    const { length } = this.#places;
    if (length === 0) return undefined;
    this.#turn = this.#turn + 1 < length ? this.#turn + 1 : 0;
    return this.#places[this.#turn]?.lane;
  }
}
