/**
 * A lane: the pool's side of one worker. It holds the leases of the attempts that are with the worker,
 * in the order in which they were sent, and is the only one to reason about what has started there.
 *
 * The worker starts attempts strictly in that order, `concurrency` at once. So without a word from it
 * the parent presumes that the first ones run (`#presumed`). What it acts on it does not presume: before it
 * withdraws an attempt or kills for one, it revokes and then reads the worker's note (doors.ts, Note).
 */
import type { Encoded } from '../ipc/codec.js';
import { FrameType, type Message, ProtocolError } from '../ipc/frame.js';
import { ABORT_CANCEL, ABORT_SOFT_TIMEOUT, RING_MASK } from '../ipc/note-layout.js';
import type { AbortKind } from '../shared/doors.js';
import type { Death } from '../shared/types.js';
import type { Tenant } from '../supervisor/tenant.js';
import type { Worker } from '../supervisor/worker.js';
import { LanePlace } from './lane-list.js';
import type { LaneUser } from './lane-user.js';
import { Lease, type LeaseLane, type TaskRecord } from './record.js';

/** In the ring in place of a lease that was withdrawn, until the worker has reported it as dropped. */
const WITHDRAWN: unique symbol = Symbol('withdrawn');

/** One header for all: a sending a microsecond is no place for an object each. */
const run = { type: FrameType.Run, codec: 0, seq: 0, time: 0, a: 0, b: 0, flags: 0 };

/** The place of an attempt in the ring. */
const placeOf = (seq: number): number => seq & RING_MASK;

export class Lane implements Tenant, LeaseLane {
  readonly worker: Worker;
  /** The tasks that had started in it when it died. */
  orphans: readonly number[] = [];
  readonly #user: LaneUser<Lane>;
  readonly #ring: (Lease | typeof WITHDRAWN | undefined)[] = [];
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
  #nextSeq = 1;
  #firstOpen = 1; // no open lease has a lower seq
  #presumed = 0; // attempts up to this one are presumed to have started
  #open = 0;
  #running = 0; // open and presumed to have started
  #isStalled = false; // what was sent ahead was withdrawn: nothing more is until it answers
  #long = 0; // open, and of a name that is not known to be short
  /** In the two lists of the dispatcher. */
  readonly free: LanePlace<Lane> = new LanePlace(this);
  readonly takingAhead: LanePlace<Lane> = new LanePlace(this);

  constructor(worker: Worker, user: LaneUser<Lane>) {
    this.worker = worker;
    this.#user = user;
    this.since = user.now();
  }

  get load(): number {
    return this.#open;
  }
  get running(): number {
    return this.#running;
  }
  /** Sent ahead of what runs. */
  get ahead(): number {
    return this.#open - this.#running;
  }
  get hasFreePlace(): boolean {
    return this.isOpen && this.#running < this.#user.concurrency && this.allowance > 0 && this.#hasCell();
  }
  /** More may be sent ahead: everything that is there is short, and the worker takes what it is sent. */
  get takesAhead(): boolean {
    return this.isOpen && !this.#isStalled && this.#long === 0 && this.allowance > 0 && this.#hasCell() && this.worker.unsentBytes === 0;
  }

  /** Its note and the ring must have a free cell for the next attempt. */
  #hasCell(): boolean {
    return this.#ring[placeOf(this.#nextSeq)] === undefined;
  }

  /** Opens a lease and adds the attempt to the worker's next flush. */
  send(record: TaskRecord, now: number, estimateUs: number, isLong: boolean): void {
    const seq = this.#nextSeq++;
    const isAhead = this.#running >= this.#user.concurrency;
    const lease = new Lease(seq, record, this, isAhead ? estimateUs : 0, isLong);
    if (this.#open === 0) {
      this.#firstOpen = seq;
      this.#presumed = seq - 1;
      this.since = now;
    }
    this.#ring[placeOf(seq)] = lease;
    this.#open += 1;
    if (isLong) this.#long += 1;
    this.allowance -= 1;
    record.lease = lease;
    run.codec = record.codec;
    run.seq = seq;
    run.time = record.id;
    run.a = record.name.id;
    run.b = lease.number;
    run.flags = record.flags;
    this.worker.add(run, record.body, record.attachments);
    if (isAhead) this.aheadUs += estimateUs;
    else this.#presumeNext(now);
  }

  // ---- what the worker says (Tenant)

  onMessage(message: Message): void {
    switch (message.type) {
      case FrameType.Result:
      case FrameType.Failure: {
        const lease = this.#leaseOf(message.seq);
        if (lease === undefined) return; // late: its lease was closed
        const startedAt = message.time - message.a / 1000;
        this.#confirmStart(lease, startedAt);
        // Who looked at the note meanwhile saw the start when it looked: the worker knows better.
        if (startedAt < lease.startedAt) lease.startedAt = startedAt;
        lease.endedAt = message.time;
        this.worker.completed += 1;
        this.#close(lease);
        this.#user.onReply(lease, message, this.worker);
        // The next one runs since then; what a worker says may be anything.
        const { heardAt } = this.worker;
        this.#advance(message.time < heardAt ? message.time : heardAt);
        return;
      }
      case FrameType.Started: {
        const lease = this.#leaseOf(message.seq);
        if (lease !== undefined) this.#confirmStart(lease, message.time);
        return;
      }
      case FrameType.Progress:
      case FrameType.Value: {
        const lease = this.#leaseOf(message.seq);
        if (lease === undefined) return;
        this.#confirmStart(lease, this.#user.now());
        if (message.type === FrameType.Value) this.#user.onValue(lease, message);
        else this.#user.onProgress(lease, message);
        return;
      }
      case FrameType.Dropped:
        this.#onDropped(message.seq);
        return;
      default:
        throw new ProtocolError(`a message of type ${message.type} from a worker`);
    }
  }

  onRead(): void {
    this.#user.onRead();
  }

  #onDropped(seq: number): void {
    const at = placeOf(seq);
    const entry = this.#ring[at];
    if (entry === WITHDRAWN) {
      this.#ring[at] = undefined;
      this.#user.onRoom(this);
      return;
    }
    if (entry === undefined || entry.seq !== seq || !entry.isRevoked || entry.hasStarted) return;
    this.#close(entry);
    this.#user.onWithdrawn(entry);
    this.#advance(this.#user.now());
  }

  onLost(): void {
    this.isOpen = false;
    this.#user.onRoom(this);
  }

  countStarted(): number {
    const started = this.worker.note.started();
    let count = 0;
    for (const lease of this.leases()) if (lease.seq <= started) count += 1;
    return count;
  }

  onGone(death: Death): void {
    const started = this.worker.note.started();
    const orphans = [...this.leases()];
    const now = this.#user.now();
    for (const lease of orphans) {
      if (lease.seq <= started) this.#confirmStart(lease, lease.startedAt || this.since);
      lease.endedAt = now;
      this.#close(lease);
    }
    this.orphans = orphans.filter((lease) => lease.hasStarted).map((lease) => lease.record.id);
    // Backwards: each then finds its place at the very front of the queue (G14).
    for (const lease of orphans.reverse()) this.#user.onOrphaned(lease, death, this.worker);
    this.#ring.length = 0;
  }

  /** The open leases, oldest first. */
  *leases(): Iterable<Lease> {
    for (let seq = this.#firstOpen; seq < this.#nextSeq; seq += 1) {
      const lease = this.#leaseOf(seq);
      if (lease !== undefined) yield lease;
    }
  }

  // ---- revoking

  /** True if it has started, by the worker's note; an open lease only. */
  look(lease: Lease): boolean {
    if (!lease.hasStarted && !lease.isRevoked && lease.seq <= this.worker.note.started())
      this.#confirmStart(lease, lease.startedAt || this.#user.now());
    return lease.hasStarted;
  }

  /** Takes an attempt back if it has not started. False: it has (or the worker is just dropping it, and will say so). */
  withdraw(lease: Lease): boolean {
    if (lease.hasStarted) return false;
    this.worker.note.revoke(lease.seq, lease.seq);
    lease.isRevoked = true;
    if (lease.seq <= this.worker.note.started()) return false;
    this.#takeBack(lease);
    this.#advance(this.#user.now());
    return true;
  }

  /** Takes back whatever was sent ahead of the running attempts and has not started; false if one of it has started after `limit`. */
  withdrawAfter(limit: number): boolean {
    const from = Math.max(limit, this.#firstOpen - 1) + 1;
    const last = this.#nextSeq - 1;
    if (last < from) return true;
    this.worker.note.revoke(from, last);
    const started = this.worker.note.started();
    const taken: Lease[] = [];
    for (let seq = from; seq <= last; seq += 1) {
      const lease = this.#leaseOf(seq);
      if (lease === undefined || lease.hasStarted) continue;
      lease.isRevoked = true;
      if (seq > started) taken.push(lease);
    }
    for (const lease of taken.reverse()) this.#takeBack(lease);
    return started <= limit;
  }

  /** Withdraws what was sent ahead, so that a worker that is busy for long holds nobody hostage (G11). */
  withdrawAhead(): void {
    this.#isStalled = true;
    this.withdrawAfter(this.#presumed);
    this.#user.onRoom(this);
  }

  /** Makes sure that the worker may be killed for this attempt and harms no other (G5); false: the attempt has ended. */
  mayKillFor(lease: Lease): boolean {
    return this.withdrawAfter(lease.seq) || this.#user.concurrency > 1;
  }

  abort(lease: Lease, kind: AbortKind, reason: Encoded | undefined): void {
    this.worker.note.abort(lease.seq, kind);
    const b = kind === 'cancel' ? ABORT_CANCEL : ABORT_SOFT_TIMEOUT;
    const a = kind === 'soft-timeout' ? (lease.record.options.softTimeoutMs ?? 0) : 0;
    this.worker.add({ type: FrameType.Abort, codec: reason?.codec ?? 0, seq: lease.seq, a, b }, reason?.body, reason?.attachments);
    this.worker.flush();
  }

  /** The reader of its stream has taken so many values more. */
  tellTaken(lease: Lease, count: number): void {
    this.worker.add({ type: FrameType.Taken, seq: lease.seq, a: count });
    this.worker.flush();
  }

  #takeBack(lease: Lease): void {
    this.#close(lease);
    this.#ring[placeOf(lease.seq)] = WITHDRAWN;
    this.#user.onWithdrawn(lease);
  }

  // ---- its own business

  #leaseOf(seq: number): Lease | undefined {
    const entry = this.#ring[placeOf(seq)];
    return entry !== undefined && entry !== WITHDRAWN && entry.seq === seq ? entry : undefined;
  }

  #confirmStart(lease: Lease, at: number): void {
    if (lease.hasStarted) return;
    lease.hasStarted = true;
    lease.startedAt = at;
    lease.record.starts += 1;
    this.#user.onStarted(lease);
  }

  #close(lease: Lease): void {
    lease.lane = undefined;
    this.#ring[placeOf(lease.seq)] = undefined;
    this.#open -= 1;
    if (lease.seq <= this.#presumed) this.#running -= 1;
    else this.aheadUs -= lease.estimateUs;
    if (lease.isLong) this.#long -= 1;
    if (lease.seq === this.#firstOpen) this.#firstOpen += 1;
    if (this.#open === 0) this.aheadUs = 0;
  }

  /** An attempt has ended: the next ones run now. */
  #advance(now: number): void {
    this.since = now;
    this.#isStalled = false;
    while (this.#running < this.#user.concurrency && this.#presumed < this.#nextSeq - 1) this.#presumeNext(now);
    this.#user.onRoom(this);
  }

  #presumeNext(now: number): void {
    this.#presumed += 1;
    const lease = this.#leaseOf(this.#presumed);
    if (lease === undefined) return;
    this.#running += 1;
    this.aheadUs -= lease.estimateUs;
    if (!lease.hasStarted) lease.startedAt = now;
    this.#user.onPresumedStart(lease);
  }
}
