/**
 * All slots of a supervisor, and which worker is in which slot. `Slots` owns the back-off timers.
 * It decides nothing: the supervisor does.
 */
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

  /** The number of regular slots with a worker, or with one about to be spawned. */
  get size(): number {
    return this.regular.filter((slot) => slot.state === 'occupied' || slot.state === 'pacing').length;
  }
  /** The number of regular slots without a worker, or with a booting one. */
  get coming(): number {
    return this.regular.filter((slot) => slot.worker === undefined || slot.worker.state === 'starting').length;
  }
  /** The slots to retire when the pool may have at most `max`. */
  beyond(max: number): Slot[] {
    const byWorth = [...this.regular].sort((a, b) => worth(a) - worth(b) || b.index - a.index);
    return byWorth.slice(0, Math.max(0, byWorth.length - max));
  }
  /** The number of slots of any role whose worker is about to be spawned. */
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

  /** Removes the worker and ends the back-off. The slot may be filled again. */
  empty(slot: Slot): Worker | undefined {
    const worker = this.#vacate(slot);
    if (slot.state !== 'vacant') slot.become('vacant');
    return worker;
  }

  /** Like `empty`, but returns the slot. */
  emptied(slot: Slot): Slot {
    this.empty(slot);
    return slot;
  }

  /** Removes the worker, and the slot from the pool. */
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

  /** Takes a ready worker from a spare slot, if there is one. */
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
