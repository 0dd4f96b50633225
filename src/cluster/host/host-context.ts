/** What a taken task sees of its host. */
import type { Clock } from '../../shared/platform.js';
import type { Story } from '../../shared/transitions.js';
import type { HostStore, IsRefusal } from '../store/types.js';
import type { HostEvents } from '../types.js';
import type { Seals } from '../wire/seal.js';
import type { Fence } from './fence.js';
import type { ResolvedServeOptions } from './host-options.js';
import type { LocalPool } from './local-pool.js';
import type { TaskRun } from './task-run.js';

export type Given = HostEvents['taskGiven']['outcome'];

export interface HostContext {
  readonly options: Pick<ResolvedServeOptions, 'host' | 'payloadLimit' | 'inlineLimit'>;
  readonly seals: Seals;
  readonly store: HostStore;
  readonly pool: LocalPool;
  readonly clock: Clock;
  readonly story: Story;
  readonly fence: Fence<TaskRun>;
  readonly isRefusal: IsRefusal;
  /** Milliseconds since the Unix epoch, on the clock that all machines share more or less. */
  epochNow(): number;
  /** It is a task, so it has a name. */
  onTaken(run: TaskRun): void;
  /** Its lock is lost: `TaskRun.lose`, and an event. */
  lose(run: TaskRun): void;
  /** It did not start, because the local pool is broken or closed. */
  onPoolAway(): void;
  /** It is over here. */
  onGiven(run: TaskRun, outcome: Given): void;
}
