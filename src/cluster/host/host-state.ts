/**
 * The states of a host.
 *
 *   starting   connects, and its workers boot
 *   open       takes tasks
 *   draining   takes no more; those that have started go on for `drainMs`
 *   killing    those that are left are killed, and reported
 *   leaving    it disconnects, and its workers leave
 *   closed     nothing of it is left
 */
import { type Steps, stepsOf, type Transitions } from '../../shared/transitions.js';
import type { Host } from '../types.js';

export type HostState = 'starting' | 'open' | 'draining' | 'killing' | 'leaving' | 'closed';

const HOST_TRANSITIONS: Transitions<HostState> = {
  starting: ['open', 'leaving'],
  open: ['draining'],
  draining: ['killing', 'leaving'],
  killing: ['leaving'],
  leaving: ['closed'],
  closed: [],
};
export const HOST_STEPS: Steps<HostState> = stepsOf('host', HOST_TRANSITIONS);

/** The state that users see. */
export function shownState(state: HostState): Host['state'] {
  if (state === 'closed') return 'closed';
  return state === 'starting' || state === 'open' ? 'open' : 'draining';
}
