/**
 * The states of a task that this host has taken.
 *
 *   taken      not in the local pool yet
 *   running    in the local pool
 *   ending     somebody has asked to end it
 *   drained    the host drains: it is taken back, or killed
 *   writing    its large result is being written
 *   fenced     its lock is lost: it is killed, and nothing is reported
 *   reported   the store is to take the report
 *   over       the store has it, or nothing is reported
 */
import { type Steps, stepsOf, type Transitions } from '../../shared/transitions.js';

export type TakenState = 'taken' | 'running' | 'ending' | 'drained' | 'writing' | 'fenced' | 'reported' | 'over';

const TAKEN_TRANSITIONS: Transitions<TakenState> = {
  taken: ['running', 'ending', 'drained', 'fenced', 'writing', 'reported'],
  running: ['ending', 'drained', 'fenced', 'writing', 'reported'],
  ending: ['fenced', 'writing', 'reported'],
  drained: ['ending', 'fenced', 'writing', 'reported'],
  writing: ['fenced', 'reported'],
  fenced: ['over'],
  reported: ['over'],
  over: [],
};
export const TAKEN_STEPS: Steps<TakenState> = stepsOf('taken task', TAKEN_TRANSITIONS);

/** True if a process of this host may still run it. */
export function mayRun(state: TakenState): boolean {
  return state === 'taken' || state === 'running' || state === 'ending' || state === 'drained';
}
