/** All berths of a supervisor, and which worker is in which. Nothing here decides anything. */
import type { Clock } from '../shared/platform.js';
import type { Worker } from './lifecycle/worker.js';
import { Berth, type RecycleCause, worth } from './slot.js';

export class Berths {
  readonly #clock: Clock;
  readonly slots: Berth[] = [];
  readonly spares: Berth[] = [];
  readonly successors: Berth[] = [];
  readonly #byWorker = new Map<Worker, Berth>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  all(): Berth[] {
    return [...this.slots, ...this.spares, ...this.successors];
  }

  of(worker: Worker): Berth | undefined {
    return this.#byWorker.get(worker);
  }

  /** Slots with a worker that is ready, starting or about to be spawned. */
  get size(): number {
    return this.slots.filter((slot) => slot.state === 'occupied' || slot.state === 'pacing').length;
  }
  /** Slots whose worker is not ready yet, or not even begun. */
  get coming(): number {
    return this.slots.filter((slot) => slot.worker === undefined || slot.worker.state === 'starting').length;
  }
  /** The slots that are given up when there may only be so many. */
  beyond(max: number): Berth[] {
    const byWorth = [...this.slots].sort((a, b) => worth(a) - worth(b) || b.index - a.index);
    return byWorth.slice(0, Math.max(0, byWorth.length - max));
  }
  /** Those whose worker is about to be spawned. */
  get pacing(): number {
    return this.all().filter((berth) => berth.state === 'pacing').length;
  }

  addSlot(): void {
    const used = new Set(this.slots.map((slot) => slot.index));
    let index = 0;
    while (used.has(index)) index += 1;
    this.slots.push(new Berth('slot', index));
  }

  addSpare(): void {
    this.spares.push(new Berth('spare', -1));
  }

  addSuccessor(slot: Berth, cause: RecycleCause): Berth {
    const successor = new Berth('successor', slot.index, slot, cause);
    slot.successor = successor;
    this.successors.push(successor);
    return successor;
  }

  occupy(berth: Berth, worker: Worker): void {
    this.#vacate(berth);
    berth.worker = worker;
    berth.state = 'occupied';
    this.#byWorker.set(worker, berth);
  }

  /** Takes the worker out, and ends the back-off; it may be filled again. */
  empty(berth: Berth): Worker | undefined {
    const worker = this.#vacate(berth);
    berth.state = 'vacant';
    return worker;
  }

  /** The same, and gives the berth. */
  emptied(berth: Berth): Berth {
    this.empty(berth);
    return berth;
  }

  /** Takes the worker out and the berth away. */
  retire(berth: Berth): Worker | undefined {
    const worker = this.#vacate(berth);
    berth.state = 'retired';
    const list = berth.role === 'slot' ? this.slots : berth.role === 'spare' ? this.spares : this.successors;
    const at = list.indexOf(berth);
    if (at >= 0) list.splice(at, 1);
    if (berth.heirOf !== undefined) berth.heirOf.successor = undefined;
    return worker;
  }

  backOff(berth: Berth, delayMs: number, onOver: () => void): void {
    this.#vacate(berth);
    berth.state = 'backing-off';
    berth.timer = this.#clock.setTimer(() => {
      berth.timer = undefined;
      berth.state = 'vacant';
      onOver();
    }, delayMs);
  }

  /** A ready spare, out of its berth; it is checked alive at hand-over by its state. */
  takeSpare(): Worker | undefined {
    const spare = this.spares.find((candidate) => candidate.worker?.state === 'ready');
    return spare === undefined ? undefined : this.empty(spare);
  }

  #vacate(berth: Berth): Worker | undefined {
    const { worker, timer } = berth;
    if (worker !== undefined) this.#byWorker.delete(worker);
    if (timer !== undefined) this.#clock.clearTimer(timer);
    berth.worker = undefined;
    berth.timer = undefined;
    return worker;
  }
}
