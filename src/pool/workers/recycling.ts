/** Which living workers are to be replaced or let go, and when: recycling by tasks, age and memory; idle workers beyond the minimum. */

import type { Timer } from '../../shared/platform.js';
import type { Lane } from '../dispatch/worker-leases.js';
import type { Keeping, Rooms } from '../pool-context.js';

/** How often memory is looked at for `recycle.aboveRssBytes`. */
const RSS_SAMPLE_MS = 1000;
/** A timer that comes so much later was not noticed in time because this process stood still. */
const LATE_MS = 50;

export class Upkeep implements Keeping {
  readonly #core: Rooms;
  readonly #random: () => number;
  readonly #ages = new Map<Lane, Timer>();
  #idleTimer: Timer | undefined;
  #rssTimer: Timer | undefined;

  constructor(core: Rooms, random: () => number) {
    this.#core = core;
    this.#random = random;
  }

  onUsable(lane: Lane): void {
    const { afterTasks, afterMs, aboveRssBytes, jitter } = this.#core.options.recycle;
    // One draw for the worker: all its limits are lowered alike.
    const share = jitter === 0 ? 1 : 1 - jitter * this.#random();
    if (afterTasks !== undefined) lane.allowance = Math.max(1, Math.round(afterTasks * share));
    if (afterMs !== undefined) {
      const timer = this.#core.clock.setTimer(() => this.#replace(lane, 'age'), afterMs * share);
      this.#ages.set(lane, timer);
    }
    if (aboveRssBytes !== undefined) {
      lane.rssLimit = aboveRssBytes * share;
      this.#armRss();
    }
    this.onIdle();
  }

  onGone(lane: Lane): void {
    const timer = this.#ages.get(lane);
    if (timer !== undefined) this.#core.clock.clearTimer(timer);
    this.#ages.delete(lane);
  }

  /** It was given the last task that it may start: its replacement boots while that one runs. */
  onSpent(lane: Lane): void {
    this.#replace(lane, 'tasks');
  }

  #replace(lane: Lane, why: 'tasks' | 'age' | 'rss'): void {
    if (lane.worker.state !== 'ready') return;
    // The replacement of a restart under way serves for this as well; if it fails, the restart is off, and this is not.
    this.#core.supervisor.replace(lane.worker, why).catch(() => this.#replace(lane, why));
  }

  #armRss(): void {
    this.#rssTimer ??= this.#core.clock.setTimer(() => {
      this.#rssTimer = undefined;
      for (const lane of this.#core.dispatcher.lanes) if ((lane.worker.rssBytes ?? 0) > lane.rssLimit) this.#replace(lane, 'rss');
      if (this.#core.dispatcher.lanes.size > 0) this.#armRss();
    }, RSS_SAMPLE_MS);
  }

  /** One timer looks after all idle workers of an elastic pool. */
  onIdle(): void {
    const { idleTimeoutMs } = this.#core.options;
    if (this.#idleTimer !== undefined || idleTimeoutMs === Number.POSITIVE_INFINITY || !this.#core.isElastic) return;
    this.#armIdle(idleTimeoutMs);
  }

  #armIdle(delayMs: number): void {
    const { clock } = this.#core;
    const dueAt = clock.now() + delayMs;
    this.#idleTimer = clock.setTimer(() => {
      // What this process was asked to do while it stood still is still to come.
      if (clock.now() - dueAt > LATE_MS) this.#armIdle(delayMs);
      else clock.afterPoll(() => this.#lookAtIdle());
    }, delayMs);
  }

  #lookAtIdle(): void {
    if (this.#idleTimer === undefined) return; // stopped
    const { idleTimeoutMs } = this.#core.options;
    const now = this.#core.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const lane of this.#core.dispatcher.lanes) {
      if (lane.load > 0 || lane.worker.state !== 'ready') continue;
      const due = lane.since + idleTimeoutMs;
      if (due > now) next = Math.min(next, due);
      else this.#core.supervisor.shrink(lane.worker);
    }
    // Only now: a worker that is let go calls `onIdle`, which must not arm a second one.
    this.#idleTimer = undefined;
    if (next < Number.POSITIVE_INFINITY) this.#armIdle(next - now);
  }

  stop(): void {
    for (const timer of this.#ages.values()) this.#core.clock.clearTimer(timer);
    this.#ages.clear();
    if (this.#idleTimer !== undefined) this.#core.clock.clearTimer(this.#idleTimer);
    if (this.#rssTimer !== undefined) this.#core.clock.clearTimer(this.#rssTimer);
    this.#idleTimer = undefined;
    this.#rssTimer = undefined;
  }
}
