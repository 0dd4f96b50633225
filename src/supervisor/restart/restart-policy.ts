/** Which deaths are charged to the restart intensity, and what follows a death for the slot of the dead worker: two pure decisions. */
import type { Death } from '../../shared/types.js';

/**
 * A death that nobody asked for and that no task is to blame for: its cause may be in what every worker is started with, so too many
 * of them break the pool (G10). A death during a task is charged to that task.
 */
export function isCharged(death: Pick<Death, 'requested' | 'phase'>): boolean {
  return !death.requested && death.phase !== 'task';
}

export interface SlotAtDeath {
  readonly role: 'regular' | 'spare' | 'replacement';
  readonly isCharged: boolean;
  /** Of a replacement: it boots for `restart()`, which is to report what went wrong. */
  readonly isForRestart: boolean;
  /** A replacement boots for this slot, or a spare is ready. */
  readonly hasStandIn: boolean;
  /** The pool has more regular slots than its minimum. */
  readonly isBeyondMinimum: boolean;
}

/**
 * `fail-restart`: the slot goes, and the restart reports the death. `stand-in`: the replacement or the spare takes the slot.
 * `retire`: an elastic pool opens a slot again when tasks wait. `refill`: a new worker as soon as one may start.
 * `back-off`: a new worker after a pause, which grows with each charged death in this slot.
 */
export type AfterDeath = 'fail-restart' | 'stand-in' | 'retire' | 'refill' | 'back-off';

export function afterDeath(slot: SlotAtDeath): AfterDeath {
  if (slot.role === 'replacement' && slot.isForRestart) return 'fail-restart';
  if (slot.role === 'regular') {
    if (slot.hasStandIn) return 'stand-in';
    if (!slot.isCharged && slot.isBeyondMinimum) return 'retire';
  }
  return slot.isCharged ? 'back-off' : 'refill';
}
