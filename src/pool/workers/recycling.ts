/**
 * Decides which living workers to replace, and when: after a number of tasks, at an age, above a
 * memory limit. It also decides when idle workers beyond the minimum leave. The supervisor carries
 * both out.
 */

import type { Timer } from '../../shared/platform.js';
import type { WorkerLeases } from '../dispatch/worker-leases.js';
import type { PoolContext, WorkerRecycling } from '../pool-context.js';

/** The interval of the memory checks for `recycle.aboveRssBytes`. */
const RSS_SAMPLE_MS = 1000;
/** A timer that is this late is late because this process stood still. */
const LATE_MS = 50;

export class Recycling implements WorkerRecycling {
  readonly #core: PoolContext;
  readonly #random: () => number;
  readonly #ages = new Map<WorkerLeases, Timer>();
  #idleTimer: Timer | undefined;
  #rssTimer: Timer | undefined;

  constructor(core: PoolContext, random: () => number) {
    this.#core = core;
    this.#random = random;
  }

  onUsable(leases: WorkerLeases): void {
    const { afterTasks, afterMs, aboveRssBytes, jitter } = this.#core.options.recycle;
    // One random draw for each worker lowers all its limits alike.
    const share = jitter === 0 ? 1 : 1 - jitter * this.#random();
    if (afterTasks !== undefined) leases.allowance = Math.max(1, Math.round(afterTasks * share));
    if (afterMs !== undefined) {
      const timer = this.#core.clock.setTimer(() => this.#replace(leases, 'age'), afterMs * share);
      this.#ages.set(leases, timer);
    }
    if (aboveRssBytes !== undefined) {
      leases.rssLimit = aboveRssBytes * share;
      this.#armRss();
    }
    this.onIdle();
  }

  onDied(leases: WorkerLeases): void {
    const timer = this.#ages.get(leases);
    if (timer !== undefined) this.#core.clock.clearTimer(timer);
    this.#ages.delete(leases);
  }

  /**
   * The worker was sent the last task that it may start: its replacement boots while that task
   * runs.
   */
  onSpent(leases: WorkerLeases): void {
    this.#replace(leases, 'tasks');
  }

  #replace(leases: WorkerLeases, why: 'tasks' | 'age' | 'rss'): void {
    if (leases.worker.state !== 'ready') return;
    // A restart under way replaces this worker anyway. If that fails, the restart is over, but the
    // worker still has to be replaced.
    this.#core.supervisor.replace(leases.worker, why).catch(() => this.#replace(leases, why));
  }

  #armRss(): void {
    this.#rssTimer ??= this.#core.clock.setTimer(() => {
      this.#rssTimer = undefined;
      for (const leases of this.#core.dispatcher.workers) if ((leases.worker.rssBytes ?? 0) > leases.rssLimit) this.#replace(leases, 'rss');
      if (this.#core.dispatcher.workers.size > 0) this.#armRss();
    }, RSS_SAMPLE_MS);
  }

  /** One timer serves all idle workers of an elastic pool. */
  onIdle(): void {
    const { idleTimeoutMs } = this.#core.options;
    if (this.#idleTimer !== undefined || idleTimeoutMs === Number.POSITIVE_INFINITY || !this.#core.isElastic) return;
    this.#armIdle(idleTimeoutMs);
  }

  #armIdle(delayMs: number): void {
    const { clock } = this.#core;
    const dueAt = clock.now() + delayMs;
    this.#idleTimer = clock.setTimer(() => {
      // Requests that came while this process stood still have not been handled yet.
      if (clock.now() - dueAt > LATE_MS) this.#armIdle(delayMs);
      else clock.afterPoll(() => this.#checkIdle());
    }, delayMs);
  }

  #checkIdle(): void {
    if (this.#idleTimer === undefined) return; // stopped
    const { idleTimeoutMs } = this.#core.options;
    const now = this.#core.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const leases of this.#core.dispatcher.workers) {
      if (leases.load > 0 || leases.worker.state !== 'ready') continue;
      const due = leases.since + idleTimeoutMs;
      if (due > now) next = Math.min(next, due);
      else this.#core.supervisor.shrink(leases.worker);
    }
    // Only now: a worker that leaves calls `onIdle`, which must not arm a second timer.
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
