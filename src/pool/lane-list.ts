/** A set of lanes with O(1) add, remove and turn-taking; each lane knows its place in it. */
import type { Lane } from './lane.js';

export class LaneList {
  readonly #field: 'freeIndex' | 'aheadIndex';
  readonly #lanes: Lane[] = [];
  #turn = 0;

  constructor(field: 'freeIndex' | 'aheadIndex') {
    this.#field = field;
  }

  get size(): number {
    return this.#lanes.length;
  }

  set(lane: Lane, isIn: boolean): void {
    const at = lane[this.#field];
    if (isIn === at >= 0) return;
    if (isIn) {
      lane[this.#field] = this.#lanes.length;
      this.#lanes.push(lane);
      return;
    }
    const last = this.#lanes.pop() as Lane;
    if (last !== lane) {
      this.#lanes[at] = last;
      last[this.#field] = at;
    }
    lane[this.#field] = -1;
  }

  /** One of them, in turn. */
  next(): Lane | undefined {
    if (this.#lanes.length === 0) return undefined;
    this.#turn = (this.#turn + 1) % this.#lanes.length;
    return this.#lanes[this.#turn];
  }
}
