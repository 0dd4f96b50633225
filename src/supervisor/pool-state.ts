/**
 * The state of a pool, in one place. The supervisor breaks and recovers the pool (recovery.ts); the
 * pool itself closes it (pool/shutdown.ts).
 *
 *   open         accepts tasks
 *   broken       its workers cannot start; new tasks are refused
 *   closing      finishes the tasks that it has
 *   leaving      all tasks have settled; the workers leave
 *   terminating, killing   every task is ended
 *   closed       every worker has ended
 */
import type { PoolBrokenError } from '../shared/errors.js';
import { type Story, stepsOf, type Transitions } from '../shared/transitions.js';

export type PoolLifeState = 'open' | 'broken' | 'closing' | 'leaving' | 'terminating' | 'killing' | 'closed';

export const POOL_TRANSITIONS: Transitions<PoolLifeState> = {
  open: ['broken', 'closing', 'terminating', 'killing'],
  broken: ['open', 'closing', 'terminating', 'killing'],
  closing: ['leaving', 'terminating', 'killing'],
  leaving: ['terminating', 'killing', 'closed'],
  terminating: ['killing', 'closed'],
  killing: ['closed'],
  closed: [],
};
const STEPS = stepsOf('pool', POOL_TRANSITIONS);

export class PoolState {
  readonly story: Story;
  /** Only `become` changes it. */
  readonly state: PoolLifeState = 'open';
  /** Why the pool broke. Kept while the pool ends, so that remaining tasks fail with this error. */
  #brokenBy: PoolBrokenError | undefined;

  constructor(story: Story) {
    this.story = story;
  }

  /** The state that users see. */
  get shown(): 'open' | 'broken' | 'closing' | 'closed' {
    const { state } = this;
    return state === 'open' || state === 'broken' || state === 'closed' ? state : 'closing';
  }
  /** Undefined while workers can start. */
  get brokenBy(): PoolBrokenError | undefined {
    return this.#brokenBy;
  }
  /** True until the first call of close, terminate or kill. */
  get isOpen(): boolean {
    return this.state === 'open' || this.state === 'broken';
  }
  /** Whether queued tasks may still start: the pool is neither ending tasks nor ending workers. */
  get startsTasks(): boolean {
    return this.isOpen || this.state === 'closing';
  }

  become(to: PoolLifeState): void {
    this.story.take('pool', STEPS, 0, this.state, to);
    (this as { state: PoolLifeState }).state = to;
  }

  /** The workers cannot start. A pool that is ending keeps its state. */
  break(error: PoolBrokenError): void {
    this.#brokenBy = error;
    if (this.state === 'open') this.become('broken');
  }

  /** The workers can start again. */
  recover(): void {
    this.#brokenBy = undefined;
    this.become('open');
  }
}
