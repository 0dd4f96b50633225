/**
 * A berth: a place that is to hold one worker. Its worker may change, the berth stays.
 *
 * `slot`: one of the pool's places. `spare`: a place in reserve. `successor`: the place in which the
 * replacement of a living worker boots; it takes over the slot when it is ready, and is gone then.
 *
 *   vacant → pacing → occupied → vacant | backing-off → vacant;  any → retired
 */
import type { Timer } from '../shared/platform.js';
import { type Story, stepsOf, type Transitions } from '../shared/transitions.js';
import type { Worker } from './lifecycle/worker.js';

export type SlotRole = 'regular' | 'spare' | 'replacement';
export type SlotState = 'vacant' | 'pacing' | 'occupied' | 'backing-off' | 'retired';

export const SLOT_TRANSITIONS: Transitions<SlotState> = {
  vacant: ['pacing', 'occupied', 'backing-off', 'retired'],
  pacing: ['vacant', 'retired'],
  occupied: ['vacant', 'retired'],
  'backing-off': ['vacant', 'retired'],
  retired: [],
};
const STEPS = stepsOf('slot', SLOT_TRANSITIONS);

export type RecycleCause = 'tasks' | 'age' | 'rss' | 'idle' | 'restart' | 'resize';

export class Slot {
  readonly role: SlotRole;
  /** 0 … size-1 of a slot; -1 of a spare; of a successor that of its slot. */
  readonly index: number;
  readonly #story: Story;
  #state: SlotState = 'vacant';
  worker: Worker | undefined;
  /** Charged deaths here since a worker was proven here: they lengthen the back-off. */
  failures = 0;
  timer: Timer | undefined;
  /** Of a slot: where its replacement boots. */
  replacement: Slot | undefined;
  /** Of a successor: the slot that it is for, and why. */
  readonly replaces: Slot | undefined;
  readonly cause: RecycleCause | undefined;
  /** Of a successor: who waits for it to take over (no error), or to fail. */
  readonly outcomes: ((error?: Error) => void)[] = [];

  constructor(story: Story, role: SlotRole, index: number, replaces?: Slot, cause?: RecycleCause) {
    this.#story = story;
    this.role = role;
    this.index = index;
    this.replaces = replaces;
    this.cause = cause;
  }

  get state(): SlotState {
    return this.#state;
  }

  become(to: SlotState): void {
    this.#story.take('slot', STEPS, this.index, this.#state, to);
    this.#state = to;
  }

  settle(error?: Error): void {
    for (const tell of this.outcomes.splice(0)) tell(error);
  }
}

/** What is given up first when the pool shrinks: empty places, then booting, idle and busy workers. */
export function worth(slot: Slot): number {
  if (slot.worker === undefined) return 0;
  if (slot.worker.state === 'starting') return 1;
  return (slot.worker.client?.load ?? 0) === 0 ? 2 : 3;
}

export function isReady(slot: Slot): boolean {
  return slot.worker?.state === 'ready';
}
