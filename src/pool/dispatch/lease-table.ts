/**
 * The leases of one worker: which attempts are with it, and which of them have started.
 *
 * The worker starts attempts strictly in the order in which they were sent, `concurrency` at once. So without a word from it the first
 * ones are presumed to run. What it has noted is known; both it and its note may lie, and what cannot be true ends it.
 */

import type { Message } from '../../ipc/frame.js';
import type { Story } from '../../shared/transitions.js';
import type { Death } from '../../shared/types.js';
import type { Worker } from '../../supervisor/lifecycle/worker.js';
import type { Lease } from '../task/task-record.js';
import { LeaseRing } from './lease-ring.js';

/**
 * How the worker keeps up, until its next answer. It `flows`, or what it was sent was taken back from it:
 * - `holds`: its running attempts are long; nothing is sent ahead of them
 * - `spins`: they keep those beside them from their start; it is sent nothing
 * - `hangs`: nothing runs in it, and nothing starts; it is sent what no other worker has a place for
 */
type Pace = 'flows' | 'holds' | 'spins' | 'hangs';

/** Learns what becomes of the leases of a worker. */
export interface LeaseListener<L> {
  readonly concurrency: number;
  readonly story: Story;
  now(): number;
  /** The parent presumes that it runs now: its time begins to count. */
  onPresumedStart(lease: Lease): void;
  /** It is known to have started. */
  onStarted(lease: Lease): void;
  /** The worker answered; the lease is closed. */
  onReply(lease: Lease, message: Message, worker: Worker): void;
  onProgress(lease: Lease, message: Message): void;
  /** One value of a stream. */
  onValue(lease: Lease, message: Message): void;
  /** It never started; the lease is closed. */
  onWithdrawn(lease: Lease): void;
  /** Its worker died; the lease is closed. */
  onOrphaned(lease: Lease, death: Death, worker: Worker): void;
  /** The lane has more room than before, or less. */
  onCapacity(leases: L): void;
  onRead(): void;
}

export abstract class LeaseTable {
  readonly worker: Worker;
  protected readonly listener: LeaseListener<LeaseTable>;
  protected readonly ring: LeaseRing = new LeaseRing();
  /** Names with an id up to this are known to the worker. */
  definedNames = 0;
  /** It may be given attempts. */
  isOpen = false;
  /** Microseconds of work estimated to be ahead of what runs. */
  aheadUs = 0;
  /** Since when it has been idle, or has not answered. */
  since = 0;
  /** How many it may still be sent (recycle.afterTasks). */
  allowance: number = Number.POSITIVE_INFINITY;
  /** Resident memory above which it is replaced (recycle.aboveRssBytes). */
  rssLimit: number = Number.POSITIVE_INFINITY;
  protected presumedUpTo = 0; // attempts up to this one are presumed to have started
  protected knownUpTo = 0; // attempts up to this one have started or were dropped: the worker answered, or noted it
  /** Attempts with the worker: sent, and not over. */
  openCount = 0;
  /** Open, and presumed to have started. */
  running = 0;
  protected pace: Pace = 'flows';
  protected hungSince = 0;
  protected longCount = 0; // open, and of a name that is not known to be short

  constructor(worker: Worker, listener: LeaseListener<LeaseTable>) {
    this.worker = worker;
    this.listener = listener;
    this.since = listener.now();
  }

  get load(): number {
    return this.openCount;
  }
  /** Sent ahead of what runs. */
  get ahead(): number {
    return this.openCount - this.running;
  }
  /** Among the lanes with a free place, the lower ones are given attempts first; -1: it has none. */
  get rank(): number {
    const { running } = this;
    const { concurrency } = this.listener;
    if (running >= concurrency || !this.isOpen || this.allowance <= 0 || this.pace === 'spins' || this.ring.isFull) return -1;
    return this.pace === 'hangs' ? running + concurrency : running;
  }
  /** More may be sent ahead: everything that is there is short, and the worker takes what it is sent. */
  get takesAhead(): boolean {
    if (this.longCount > 0 || this.pace !== 'flows' || !this.isOpen || this.allowance <= 0) return false;
    return !this.ring.isFull && this.worker.unsentBytes === 0;
  }

  countStarted(): number {
    if (this.openCount === 0) return 0;
    const started = this.startedUpTo();
    let count = 0;
    for (const lease of this.list()) if (lease.seq <= started) count += 1;
    return count;
  }

  /** Since when it has started nothing of what it was given; undefined while something runs, or nothing is to start. */
  owesSince(): number | undefined {
    if (this.openCount === 0) return this.pace === 'hangs' ? this.hungSince : undefined;
    if (this.countStarted() > 0) return undefined;
    return this.list()[0]?.startedAt;
  }

  /** The open leases, oldest first. */
  list(): Lease[] {
    return this.openCount === 0 ? [] : this.ring.after(0);
  }

  // ---- its note

  /** Attempts up to this one have started or were dropped. Undefined: the note cannot be believed, and the worker ends for it. */
  protected readStarted(): number | undefined {
    const noted = this.worker.controlFile.started();
    // It never falls, and never passes the last one sent.
    if (noted >= this.knownUpTo && noted <= this.ring.last && Number.isInteger(noted)) {
      this.knownUpTo = noted;
      return noted;
    }
    this.worker.fail('protocol', 'its note of what it has started was written by something else');
    return undefined;
  }

  /** The same; without a note, all that can have started: what runs by what it said, or all, if it says what cannot be understood. */
  protected startedUpTo(): number {
    return this.readStarted() ?? (this.worker.channel.fault !== undefined ? this.ring.last : this.presumedUpTo);
  }

  /** True if it has started, by the worker's note; an open lease only. */
  hasStarted(lease: Lease): boolean {
    if (!lease.hasStarted && !lease.isRevoked && lease.seq <= (this.readStarted() ?? 0))
      this.confirmStart(lease, lease.startedAt || this.listener.now());
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

  /** It has answered: the next ones run now. */
  protected advance(now: number): void {
    this.since = now;
    this.pace = 'flows';
    this.presume(now);
    this.listener.onCapacity(this);
  }

  /** As many as it runs at once are presumed to run. */
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
