/** All berths of a supervisor, and which worker is in which. Nothing here decides anything. */
import type { Clock } from '../shared/platform.js';
import type { Story } from '../shared/transitions.js';
import type { Worker } from './lifecycle/worker.js';
import { type RecycleCause, Slot, worth } from './slot.js';

export class Slots {
  readonly #clock: Clock;
  readonly #story: Story;
  readonly regular: Slot[] = [];
  readonly spares: Slot[] = [];
  readonly replacements: Slot[] = [];
  readonly #byWorker = new Map<Worker, Slot>();

  constructor(clock: Clock, story: Story) {
    this.#clock = clock;
    this.#story = story;
  }

  all(): Slot[] {
    return [...this.regular, ...this.spares, ...this.replacements];
  }

  of(worker: Worker): Slot | undefined {
    return this.#byWorker.get(worker);
  }

  /** Slots with a worker that is ready, starting or about to be spawned. */
  get size(): number {
    return this.regular.filter((slot) => slot.state === 'occupied' || slot.state === 'pacing').length;
  }
  /** Slots whose worker is not ready yet, or not even begun. */
  get coming(): number {
    return this.regular.filter((slot) => slot.worker === undefined || slot.worker.state === 'starting').length;
  }
  /** The slots that are given up when there may only be so many. */
  beyond(max: number): Slot[] {
    const byWorth = [...this.regular].sort((a, b) => worth(a) - worth(b) || b.index - a.index);
    return byWorth.slice(0, Math.max(0, byWorth.length - max));
  }
  /** Those whose worker is about to be spawned. */
  get pacing(): number {
    return this.all().filter((slot) => slot.state === 'pacing').length;
  }

  addRegular(): void {
    const used = new Set(this.regular.map((slot) => slot.index));
    let index = 0;
    while (used.has(index)) index += 1;
    this.regular.push(new Slot(this.#story, 'regular', index));
  }

  addSpare(): void {
    this.spares.push(new Slot(this.#story, 'spare', -1));
  }

  addReplacement(slot: Slot, cause: RecycleCause): Slot {
    const replacement = new Slot(this.#story, 'replacement', slot.index, slot, cause);
    slot.replacement = replacement;
    this.replacements.push(replacement);
    return replacement;
  }

  occupy(slot: Slot, worker: Worker): void {
    this.#vacate(slot);
    slot.worker = worker;
    slot.become('occupied');
    this.#byWorker.set(worker, slot);
  }

  /** Takes the worker out, and ends the back-off; it may be filled again. */
  empty(slot: Slot): Worker | undefined {
    const worker = this.#vacate(slot);
    if (slot.state !== 'vacant') slot.become('vacant');
    return worker;
  }

  /** The same, and gives the berth. */
  emptied(slot: Slot): Slot {
    this.empty(slot);
    return slot;
  }

  /** Takes the worker out and the berth away. */
  retire(slot: Slot): Worker | undefined {
    const worker = this.#vacate(slot);
    if (slot.state !== 'retired') slot.become('retired');
    const list = slot.role === 'regular' ? this.regular : slot.role === 'spare' ? this.spares : this.replacements;
    const at = list.indexOf(slot);
    if (at >= 0) list.splice(at, 1);
    if (slot.replaces !== undefined) slot.replaces.replacement = undefined;
    return worker;
  }

  backOff(slot: Slot, delayMs: number, onOver: () => void): void {
    this.#vacate(slot);
    slot.become('backing-off');
    slot.timer = this.#clock.setTimer(() => {
      slot.timer = undefined;
      slot.become('vacant');
      onOver();
    }, delayMs);
  }

  /** A ready spare, out of its berth; it is checked alive at hand-over by its state. */
  takeSpare(): Worker | undefined {
    const spare = this.spares.find((candidate) => candidate.worker?.state === 'ready');
    return spare === undefined ? undefined : this.empty(spare);
  }

  #vacate(slot: Slot): Worker | undefined {
    const { worker, timer } = slot;
    if (worker !== undefined) this.#byWorker.delete(worker);
    if (timer !== undefined) this.#clock.clearTimer(timer);
    slot.worker = undefined;
    slot.timer = undefined;
    return worker;
  }
}
