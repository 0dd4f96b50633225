/**
 * The leases of one worker: which attempts are with it, and which of them have started.
 *
 * The worker starts attempts strictly in the order of sending, at most `concurrency` at a time. So
 * the table presumes that the first ones run, without any message. It knows of a start only from a
 * message or the control file. Both may be wrong: a worker that reports the impossible is killed.
 */

import type { Message } from '../../ipc/frame.js';
import { recalledMessage } from '../../ipc/messages.js';
import type { Story } from '../../shared/transitions.js';
import type { Death } from '../../shared/types.js';
import type { Worker } from '../../supervisor/lifecycle/worker.js';
import type { Lease } from '../task/task-record.js';
import { LeaseRing } from './lease-ring.js';

/**
 * How the worker keeps up, until its next answer. It `flows`, or attempts were taken back from it:
 * - `holds`: its running attempts are long, so it is sent nothing ahead
 * - `spins`: its running attempts prevent others from starting, so it is sent nothing
 * - `hangs`: nothing runs and nothing starts, so it is sent only tasks that no other worker can
 *   take
 */
type Pace = 'flows' | 'holds' | 'spins' | 'hangs';

/** For a recall that withdraws nothing. */
export const always = (): boolean => true;

/** Receives what happens to the leases of a worker. */
export interface LeaseListener<L> {
  readonly concurrency: number;
  readonly story: Story;
  now(): number;
  /** The attempt is presumed to run from now on: its time limits begin. */
  onPresumedStart(lease: Lease): void;
  /** The attempt is known to have started. */
  onStarted(lease: Lease): void;
  /** The worker answered; the lease is closed. */
  onReply(lease: Lease, message: Message, worker: Worker): void;
  onProgress(lease: Lease, message: Message): void;
  /** One value of a stream. */
  onValue(lease: Lease, message: Message): void;
  /** The attempt never started; the lease is closed. */
  onWithdrawn(lease: Lease): void;
  /** The worker died; the lease is closed. */
  onOrphaned(lease: Lease, death: Death, worker: Worker): void;
  /** The number of attempts that the worker can take has changed. */
  onCapacity(leases: L): void;
  onRead(): void;
}

export abstract class LeaseTable {
  readonly worker: Worker;
  protected readonly listener: LeaseListener<LeaseTable>;
  protected readonly ring: LeaseRing = new LeaseRing();
  /** The worker knows the names with an id up to this. */
  definedNames = 0;
  /** The worker may be sent attempts. */
  isOpen = false;
  /** The estimated work sent ahead, in microseconds. */
  aheadUs = 0;
  /** The time since which the worker has been idle, or has not answered. */
  since = 0;
  /** The number of attempts that it may still be sent (recycle.afterTasks). */
  allowance: number = Number.POSITIVE_INFINITY;
  /** The resident memory, in bytes, above which the worker is replaced (recycle.aboveRssBytes). */
  rssLimit: number = Number.POSITIVE_INFINITY;
  /** Attempts up to this one are presumed to have started. */
  protected presumedUpTo = 0;
  /**
   * Attempts up to this one have started or were withdrawn, as a message or the control file says.
   */
  protected knownUpTo = 0;
  /** The number of attempts sent and not over. */
  openCount = 0;
  /** The number of open attempts that are presumed to have started. */
  running = 0;
  protected pace: Pace = 'flows';
  protected hungSince = 0;
  /** Since when it has claimed more attempts than it can run, without an answer. */
  protected overtakenAt: number | undefined;
  /** The number of Recalled messages that the worker was sent. */
  protected recalls = 0;
  protected longCount = 0; // open attempts of a name not known to be short

  constructor(worker: Worker, listener: LeaseListener<LeaseTable>) {
    this.worker = worker;
    this.listener = listener;
    this.since = listener.now();
  }

  get load(): number {
    return this.openCount;
  }
  /** The number of attempts sent ahead. */
  get ahead(): number {
    return this.openCount - this.running;
  }
  /** Among workers with a free place, a lower rank is served first; -1: no free place. */
  get rank(): number {
    const { running } = this;
    const { concurrency } = this.listener;
    if (running >= concurrency || !this.isOpen || this.allowance <= 0 || this.pace === 'spins' || this.ring.isFull) return -1;
    return this.pace === 'hangs' ? running + concurrency : running;
  }
  /**
   * True if more may be sent ahead: everything there is short, and the worker reads its channel.
   */
  get takesAhead(): boolean {
    if (this.longCount > 0 || this.pace !== 'flows' || !this.isOpen || this.allowance <= 0) return false;
    return !this.ring.isFull && this.worker.unsentBytes === 0;
  }

  countStarted(): number {
    return this.openCount === 0 ? 0 : this.countUpTo(this.startedUpTo());
  }

  protected countUpTo(started: number): number {
    let count = 0;
    for (const { seq } of this.list()) if (seq <= started) count += 1;
    return count;
  }

  /**
   * The time since which the worker should have started something; undefined while something runs,
   * or nothing is to start.
   */
  owesSince(): number | undefined {
    if (this.openCount === 0) return this.pace === 'hangs' ? this.hungSince : undefined;
    if (this.countStarted() > 0) return undefined;
    return this.list()[0]?.startedAt;
  }

  /** The open leases, oldest first. */
  list(): Lease[] {
    return this.openCount === 0 ? [] : this.ring.after(0);
  }

  // ---- the control file

  /**
   * Attempts up to this one have started or were withdrawn. Undefined if the control file is
   * invalid; the worker is then killed.
   */
  protected readStarted(): number | undefined {
    const unclaimed = this.worker.controlFile.unclaimed();
    return unclaimed === undefined ? this.recall(always) : this.#startedBefore(unclaimed);
  }

  /**
   * The same. Takes back what has not started, and offers again what is to stay. The caller
   * withdraws the others.
   */
  protected recall(stays: (lease: Lease) => boolean): number | undefined {
    const { worker, ring } = this;
    const unclaimed = worker.controlFile.recall();
    const started = this.#startedBefore(unclaimed);
    if (started === undefined || unclaimed > ring.last) return started;
    let kept = 0; // the last attempt that stays: it has started, or is offered again
    for (const lease of ring.after(0)) {
      if (lease.seq > started) {
        if (!stays(lease)) continue;
        worker.controlFile.offer(lease.seq);
      }
      kept = lease.seq;
    }
    this.recalls += 1;
    worker.add(recalledMessage(ring.last, kept));
    worker.flush();
    return started;
  }

  #startedBefore(unclaimed: number): number | undefined {
    const started = Math.min(unclaimed - 1, this.ring.last);
    // The number never falls.
    if (started >= this.knownUpTo) {
      this.knownUpTo = started;
      return started;
    }
    this.worker.fail('protocol', 'its control file is broken: the number of started attempts is impossible');
    return undefined;
  }

  /**
   * The same. Without a valid control file, every attempt that may have started: those presumed to
   * run, or all after an unreadable message.
   */
  protected startedUpTo(): number {
    return this.readStarted() ?? (this.worker.channel.fault !== undefined ? this.ring.last : this.presumedUpTo);
  }

  /** True if it has started, by the control file. For open leases only. */
  hasStarted(lease: Lease): boolean {
    if (!lease.hasStarted && lease.seq <= (this.readStarted() ?? 0)) this.confirmStart(lease, lease.startedAt || this.listener.now());
    return lease.hasStarted;
  }

  protected confirmStart(lease: Lease, at: number): void {
    if (lease.state === 'started') return;
    lease.become('started', this.listener.story);
    lease.startedAt = at;
    lease.record.starts += 1;
    this.listener.onStarted(lease);
  }

  protected close(lease: Lease): void {
    lease.holder = undefined;
    lease.become(lease.state === 'started' ? 'ended' : 'withdrawn', this.listener.story);
    this.ring.free(lease.seq);
    this.openCount -= 1;
    if (lease.seq <= this.presumedUpTo) this.running -= 1;
    else this.aheadUs -= lease.estimateUs;
    if (lease.isLong) this.longCount -= 1;
    if (this.openCount === 0) this.aheadUs = 0;
  }

  /** The worker has answered, so the next attempts run now. */
  protected advance(now: number): void {
    this.since = now;
    this.overtakenAt = undefined;
    this.pace = 'flows';
    this.presume(now);
    this.listener.onCapacity(this);
  }

  /** Presumes that the next attempts run, up to `concurrency`. */
  protected presume(now: number): void {
    const { concurrency } = this.listener;
    const { last } = this.ring;
    while (this.running < concurrency && this.presumedUpTo < last) {
      this.presumedUpTo += 1;
      const lease = this.ring.at(this.presumedUpTo);
      if (lease === undefined) continue;
      this.running += 1;
      this.aheadUs -= lease.estimateUs;
      if (lease.state !== 'started') lease.startedAt = now;
      this.listener.onPresumedStart(lease);
    }
  }
}
