/**
 * The state of a pool, in one place. The supervisor breaks and recovers the pool; shutdown.ts leads it to its end.
 *
 * `open`: it takes tasks. `broken`: its workers cannot start; tasks are refused. `closing`: it finishes the tasks that it has.
 * `leaving`: all tasks have settled, and the workers leave. `terminating`, `killing`: every task is ended.
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
  /** Changed by `become` alone. */
  readonly state: PoolLifeState = 'open';
  /** Why the pool broke; kept while it ends, so that what is left in it fails with it. */
  #brokenBy: PoolBrokenError | undefined;

  constructor(story: Story) {
    this.story = story;
  }

  /** As users see it. */
  get shown(): 'open' | 'broken' | 'closing' | 'closed' {
    const { state } = this;
    return state === 'open' || state === 'broken' || state === 'closed' ? state : 'closing';
  }
  /** Undefined while its workers can start. */
  get brokenBy(): PoolBrokenError | undefined {
    return this.#brokenBy;
  }
  /** Until the first call of close, terminate or kill. */
  get isOpen(): boolean {
    return this.state === 'open' || this.state === 'broken';
  }
  /** A task may wait for a worker: the pool neither ends its tasks nor has sent its workers away. */
  get startsTasks(): boolean {
    return this.isOpen || this.state === 'closing';
  }

  become(to: PoolLifeState): void {
    this.story.take('pool', STEPS, 0, this.state, to);
    (this as { state: PoolLifeState }).state = to;
  }

  /** Its workers cannot start. While it ends, it stays in the state of its end. */
  break(error: PoolBrokenError): void {
    this.#brokenBy = error;
    if (this.state === 'open') this.become('broken');
  }

  /** Its workers can start again. */
  recover(): void {
    this.#brokenBy = undefined;
    this.become('open');
  }
}
