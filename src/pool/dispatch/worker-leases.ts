/**
 * A lane: the pool's side of one worker. It holds the leases of the attempts that are with the worker,
 * and is the only one to reason about what has started there. What it acts on it does not presume (lease-table.ts): before it
 * withdraws an attempt or kills for one, it revokes and then reads the worker's note (platform.ts, Note).
 *
 * Whatever the worker says may be a lie. What cannot be true ends it by a `protocol` death.
 */
import type { Encoded } from '../../ipc/codec/codec.js';
import { ABORT_CANCEL, ABORT_SOFT_TIMEOUT } from '../../ipc/control-file-layout.js';
import { Flag, FrameType, type Message, ProtocolError } from '../../ipc/frame.js';
import type { AbortKind } from '../../shared/platform.js';
import type { Death } from '../../shared/types.js';
import type { WorkerClient } from '../../supervisor/lifecycle/worker-client.js';
import { earliestStart, Lease, type LeaseHolder, type TaskRecord } from '../task/task-record.js';
import { LeaseTable } from './lease-table.js';
import { RankedPlace, SetPlace } from './worker-set.js';

/** When the running attempt has run for so long, what was sent ahead of it is withdrawn (G11). */
export const HOSTAGE_MS = 5;
/** What could start at once, and by the note has not started for so long, is sent to another worker if one has a place. */
const LATE_MS = 20;

/** One header for all: a sending a microsecond is no place for an object each. */
const run = { type: FrameType.Run, codec: 0, seq: 0, time: 0, a: 0, b: 0, flags: 0 };

export class WorkerLeases extends LeaseTable implements WorkerClient, LeaseHolder {
  /** The tasks that had started in it when it died. */
  orphans: readonly number[] = [];
  /** In the two lists of the dispatcher. */
  readonly free: RankedPlace<WorkerLeases> = new RankedPlace<WorkerLeases>(this);
  readonly takingAhead: SetPlace<WorkerLeases> = new SetPlace(this);

  /** Opens a lease and adds the attempt to the worker's next flush. */
  send(record: TaskRecord, now: number, estimateUs: number, isLong: boolean): void {
    const seq = this.ring.next();
    const isAhead = this.running >= this.listener.concurrency;
    const lease = new Lease(seq, record, this, isAhead ? estimateUs : 0, isLong);
    if (this.openCount === 0) {
      this.presumedUpTo = seq - 1;
      this.since = now;
    }
    this.ring.put(seq, lease);
    this.openCount += 1;
    if (isLong) this.longCount += 1;
    this.allowance -= 1;
    record.lease = lease;
    run.codec = record.codec;
    run.seq = seq;
    run.time = record.id;
    run.a = record.name.id;
    run.b = lease.number;
    run.flags = record.flags;
    if ((record.flags & Flag.Chunk) !== 0) this.worker.controlFile.expectItems(seq);
    this.worker.add(run, record.body, record.attachments);
    if (isAhead) this.aheadUs += estimateUs;
    else this.presume(now);
  }

  // ---- what the worker says (Tenant)

  onMessage(message: Message): void {
    const { type, seq } = message;
    const lease = this.ring.at(seq);
    if (lease === undefined || (seq > this.presumedUpTo && !lease.hasStarted)) {
      this.#onOther(type, seq, lease);
      return;
    }
    if (seq > this.knownUpTo) this.knownUpTo = seq;
    switch (type) {
      case FrameType.Result:
      case FrameType.Failure: {
        const { record } = lease;
        const earliest = record.past === undefined ? record.submittedAt : earliestStart(record);
        let { time } = message;
        let startedAt = time - message.a / 1000;
        if (startedAt < earliest || time > this.worker.heardAt) {
          time = this.#clampTimes(message, earliest);
          startedAt = time - message.a / 1000;
        }
        this.confirmStart(lease, startedAt);
        // Who looked at the note meanwhile saw the start when it looked: the worker knows better.
        if (startedAt < lease.startedAt) lease.startedAt = startedAt;
        lease.endedAt = time;
        this.worker.completed += 1;
        this.close(lease);
        this.listener.onReply(lease, message, this.worker);
        this.advance(time); // the next one runs since then
        return;
      }
      case FrameType.Started:
        this.confirmStart(lease, this.#clampTimes(message, earliestStart(lease.record)));
        return;
      case FrameType.Progress:
        this.confirmStart(lease, this.listener.now());
        this.listener.onProgress(lease, message);
        return;
      case FrameType.Value:
        if (lease.record.sink === undefined && lease.record.items === undefined)
          throw new ProtocolError('a value of a task that has no stream');
        this.confirmStart(lease, this.listener.now());
        this.listener.onValue(lease, message);
        return;
      case FrameType.Dropped:
        this.#onDropped(seq, lease);
        return;
      default:
        throw new ProtocolError(`a message of type ${type} from a worker`);
    }
  }

  /** About an attempt that is over, or that cannot have started. */
  #onOther(type: FrameType, seq: number, lease: Lease | undefined): void {
    if (seq < 1 || seq > this.ring.last) throw new ProtocolError(`a message of type ${type} about attempt ${seq}, which it was not sent`);
    const isTakenBack = this.ring.isTakenBack(seq);
    if (lease === undefined && !isTakenBack) return; // late
    if (type !== FrameType.Dropped) throw new ProtocolError(`a message of type ${type} about attempt ${seq}, which cannot have started`);
    this.knownUpTo = Math.max(seq, this.knownUpTo);
    if (lease !== undefined) {
      this.#onDropped(seq, lease);
      return;
    }
    this.ring.free(seq);
    this.pace = 'flows';
    this.listener.onCapacity(this);
  }

  /** What a worker tells of an attempt happened between its sending and now, so nothing that the parent counts or waits for goes beyond; gives the time. */
  #clampTimes(message: Message, earliest: number): number {
    message.time = Math.max(earliest, Math.min(message.time, this.worker.heardAt));
    message.a = Math.min(message.a, Math.floor((message.time - earliest) * 1000));
    return message.time;
  }

  onRead(): void {
    this.listener.onRead();
  }

  #onDropped(seq: number, lease: Lease): void {
    if (!lease.isRevoked) throw new ProtocolError(`attempt ${seq} dropped, which was not revoked`);
    this.close(lease);
    this.listener.onWithdrawn(lease);
    this.advance(this.listener.now());
  }

  onLost(): void {
    this.isOpen = false;
    this.listener.onCapacity(this);
  }

  onDied(death: Death): void {
    const started = this.openCount === 0 ? 0 : this.startedUpTo();
    const orphans = this.list();
    const now = this.listener.now();
    for (const lease of orphans) {
      if (lease.seq <= started) this.confirmStart(lease, lease.startedAt || this.since);
      lease.endedAt = now;
      this.close(lease);
    }
    this.orphans = orphans.filter((lease) => lease.hasStarted).map((lease) => lease.record.id);
    // Backwards: each then finds its place at the very front of the queue (G14).
    for (const lease of orphans.reverse()) this.listener.onOrphaned(lease, death, this.worker);
    this.ring.clear();
  }

  // ---- revoking

  /**
   * Takes an attempt back if it has not started. True: its lease is over, and the caller decides about its task. False: it has
   * started, or its worker is just dropping it and will say so.
   */
  withdraw(lease: Lease): boolean {
    if (lease.hasStarted) return false;
    this.worker.controlFile.revoke(lease.seq, lease.seq);
    if (lease.state === 'sent') lease.become('revoked', this.listener.story);
    const noted = this.readStarted();
    if (noted === undefined || lease.seq <= noted) return false;
    const now = this.listener.now();
    if (lease.seq <= this.presumedUpTo) this.#lags(now, lease);
    this.#takeBack(lease);
    lease.record.lease = undefined;
    if (this.openCount === 0) this.since = now;
    this.presume(now);
    this.listener.onCapacity(this);
    return true;
  }

  /** Takes back what was sent after `limit` and has not started; false if one of it has started. */
  withdrawAfter(limit: number): boolean {
    if (this.ring.last <= limit) return true;
    const leases = this.ring.after(limit).filter((lease) => !lease.hasStarted);
    this.#revoke(leases);
    const noted = this.readStarted();
    if (noted === undefined) return false; // it dies: what becomes of them is decided then
    for (const lease of leases.reverse()) {
      if (lease.seq <= noted) continue;
      this.#takeBack(lease);
      this.listener.onWithdrawn(lease);
    }
    this.presume(this.listener.now());
    return noted <= limit;
  }

  /** In as few writes as can be, and never in the cell of another attempt. */
  #revoke(leases: readonly Lease[]): void {
    const { controlFile } = this.worker;
    let first = leases[0]?.seq ?? 0;
    let last = first - 1;
    for (const lease of leases) {
      if (lease.state === 'sent') lease.become('revoked', this.listener.story);
      if (lease.seq > last + 1) {
        controlFile.revoke(first, last);
        first = lease.seq;
      }
      last = lease.seq;
    }
    controlFile.revoke(first, last);
  }

  /** Withdraws what was sent ahead, so that a worker that is busy for long holds nobody hostage (G11). */
  withdrawAhead(): void {
    if (this.pace === 'flows') this.pace = 'holds';
    this.withdrawAfter(this.presumedUpTo);
    this.listener.onCapacity(this);
  }

  /**
   * Takes back what the worker keeps from its start for too long. An attempt that would be the only one there stays while no other
   * worker has a place: its time limits count from its sending, and it may still start.
   * Gives when to look again: Infinity, not before something is sent; undefined: when another worker has a place.
   */
  relieve(now: number, isPlaceElsewhere: boolean): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    if (this.ahead > 0) {
      if (this.since + HOSTAGE_MS <= now) this.withdrawAhead();
      if (this.ahead > 0) next = this.since + HOSTAGE_MS;
    }
    const late = this.#oldestUnstarted();
    if (late === undefined) return next;
    if (late.startedAt + LATE_MS > now) return Math.min(next, late.startedAt + LATE_MS);
    const noted = this.readStarted();
    if (noted === undefined || noted >= this.presumedUpTo) return next;
    if (!isPlaceElsewhere && this.countStarted() === 0) return undefined;
    this.#lags(now, late);
    this.withdrawAfter(noted);
    this.listener.onCapacity(this);
    return next;
  }

  /** Of those presumed to run, the first that is not known to. */
  #oldestUnstarted(): Lease | undefined {
    for (let seq = this.knownUpTo + 1; seq <= this.presumedUpTo; seq += 1) {
      const lease = this.ring.at(seq);
      if (lease !== undefined && !lease.hasStarted) return lease;
    }
    return undefined;
  }

  /** An attempt that could run is taken back: because of what runs beside it, or because nothing starts. */
  #lags(now: number, { startedAt }: Lease): void {
    if (this.running > 1 && this.countStarted() > 0) this.pace = 'spins';
    else if (startedAt + LATE_MS <= now && this.pace !== 'hangs') {
      this.pace = 'hangs';
      this.hungSince = now;
    }
  }

  /** Makes sure that the worker may be killed for this attempt and harms no other (G5); false: the attempt has ended. */
  mayKillFor(lease: Lease): boolean {
    return this.withdrawAfter(lease.seq) || this.listener.concurrency > 1;
  }

  /** Takes back what has not started. True: nothing else is there, so the worker, which starts nothing, may be killed and harms nobody (G5). */
  mayKillAsHung(): boolean {
    this.withdrawAfter(0);
    if (this.openCount === 0) return true;
    this.listener.onCapacity(this);
    return false;
  }

  abort(lease: Lease, kind: AbortKind, reason: Encoded | undefined): void {
    this.worker.controlFile.abort(lease.seq, kind);
    const b = kind === 'cancel' ? ABORT_CANCEL : ABORT_SOFT_TIMEOUT;
    const a = kind === 'soft-timeout' ? (lease.record.options.softTimeoutMs ?? 0) : 0;
    this.worker.add({ type: FrameType.Abort, codec: reason?.codec ?? 0, seq: lease.seq, a, b }, reason?.body, reason?.attachments);
    this.worker.flush();
  }

  /** The reader of its stream has taken so many values more. */
  sendTaken(lease: Lease, count: number): void {
    this.worker.add({ type: FrameType.Taken, seq: lease.seq, a: count });
    this.worker.flush();
  }

  #takeBack(lease: Lease): void {
    this.close(lease);
    this.ring.takeBack(lease.seq);
  }
}
