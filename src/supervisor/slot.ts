/**
 * A slot: a place for one worker. The worker may change; the slot stays. The supervisor owns all
 * slots (slots.ts), and only `become` changes the state of one.
 *
 * Roles. `regular`: counts towards the size of the pool. `spare`: holds a booted worker in reserve.
 * `replacement`: boots the worker that replaces a living one; once ready, that worker moves to the
 * regular slot, and the replacement slot retires.
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
  /** 0 … size - 1 for a regular slot, -1 for a spare; a replacement has the index of its slot. */
  readonly index: number;
  readonly #story: Story;
  #state: SlotState = 'vacant';
  worker: Worker | undefined;
  /** The number of charged deaths here since the last proven worker. They lengthen the back-off. */
  failures = 0;
  timer: Timer | undefined;
  /** For a regular slot: where its replacement boots. */
  replacement: Slot | undefined;
  /** For a replacement: the slot to take over, and why. */
  readonly replaces: Slot | undefined;
  readonly cause: RecycleCause | undefined;
  /** For a replacement: called when it takes over (no error) or fails. */
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
    for (const report of this.outcomes.splice(0)) report(error);
  }
}

/** A shrinking pool retires the lowest first: empty slots, then booting, idle and busy workers. */
export function worth(slot: Slot): number {
  if (slot.worker === undefined) return 0;
  if (slot.worker.state === 'starting') return 1;
  return (slot.worker.client?.load ?? 0) === 0 ? 2 : 3;
}

export function isReady(slot: Slot): boolean {
  return slot.worker?.state === 'ready';
}
