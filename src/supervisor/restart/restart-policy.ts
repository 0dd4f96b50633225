/**
 * Two pure decisions about a death: whether it is charged to the restart intensity, and what
 * happens to the slot of the dead worker. supervisor.ts carries them out.
 */
import type { Death } from '../../shared/types.js';

/**
 * Charged: a death that nobody requested and no task is to blame for. Its cause may affect every
 * new worker, so too many of them break the pool (G10). A death during a task is charged to that
 * task.
 */
export function isCharged(death: Pick<Death, 'requested' | 'phase'>): boolean {
  return !death.requested && death.phase !== 'task';
}

export interface SlotAtDeath {
  readonly role: 'regular' | 'spare' | 'replacement';
  readonly isCharged: boolean;
  /** For a replacement: it boots for `restart()`, which reports the failure. */
  readonly isForRestart: boolean;
  /** A replacement boots for this slot, or a spare is ready. */
  readonly hasStandIn: boolean;
  /** The pool has more regular slots than its minimum. */
  readonly isBeyondMinimum: boolean;
}

/**
 *   fail-restart   the replacement slot is removed, and the restart reports the death
 *   stand-in       the worker of the replacement, or a spare, takes the slot
 *   retire         the slot is removed; an elastic pool adds one again when tasks wait
 *   refill         a new worker as soon as the spawn throttle allows
 *   back-off       a new worker after a pause that grows with each charged death in this slot
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
