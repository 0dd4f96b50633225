/**
 * The pool's side of one worker. It holds the leases of the attempts that are with the worker, and
 * no other object decides what has started there. It never acts on a presumption (lease-table.ts):
 * before it withdraws an attempt or kills the worker for one, it recalls what the worker has not
 * claimed.
 *
 * Every message of the worker is untrusted. An impossible one ends the worker with a `protocol`
 * death.
 */
import type { Encoded } from '../../ipc/codec/codec.js';
import { Flag, FrameType, type Message, ProtocolError } from '../../ipc/frame.js';
import { abortMessage, limitRunMs, recallsOf, runMessage, runMsOf, takenMessage } from '../../ipc/messages.js';
import type { AbortKind } from '../../shared/platform.js';
import type { Death } from '../../shared/types.js';
import type { WorkerClient } from '../../supervisor/lifecycle/worker-client.js';
import { earliestStart, Lease, type LeaseHolder, type TaskRecord } from '../task/task-record.js';
import { always, LeaseTable } from './lease-table.js';
import { Place, RankedPlace } from './worker-set.js';

/** Attempts sent ahead are withdrawn when the running one has taken this long (G11). */
export const HOSTAGE_MS = 5;
/**
 * An attempt that could run but has not started after this time moves to another worker with a
 * place.
 */
const LATE_MS = 20;
/** How long the reply of an attempt may take after its worker has started the next one. */
export const OVERTAKEN_MS = 1000;

export class WorkerLeases extends LeaseTable implements WorkerClient, LeaseHolder {
  /** The ids of the tasks that had started when the worker died. */
  orphans: readonly number[] = [];
  /** The places in the dispatcher's two lists. */
  readonly free: RankedPlace<WorkerLeases> = new RankedPlace<WorkerLeases>(this);
  readonly takingAhead: Place<WorkerLeases> = new Place(this);

  /** Opens a lease and adds the attempt to the worker's next flush. */
  send(record: TaskRecord, now: number, estimateUs: number, isLong: boolean): void {
    if (this.worker.controlFile.isLong) this.recall(always);
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
    if ((record.flags & Flag.Chunk) !== 0) this.worker.controlFile.expectItems(seq);
    const header = runMessage(record.codec, seq, record.id, record.name.id, lease.number, record.flags);
    this.worker.controlFile.offer(seq);
    this.worker.add(header, record.body, record.attachments);
    if (isAhead) this.aheadUs += estimateUs;
    else this.presume(now);
  }

  // ---- messages and death of the worker (WorkerClient)

  onMessage(message: Message): void {
    const { type, seq } = message;
    if (type === FrameType.Starved) {
      this.#onStarved(recallsOf(message));
      return;
    }
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
        let startedAt = time - runMsOf(message);
        if (startedAt < earliest || time > this.worker.heardAt) {
          time = this.#clampTimes(message, earliest);
          startedAt = time - runMsOf(message);
        }
        this.confirmStart(lease, startedAt);
        // An earlier poll recorded the time of the poll; the worker's own start time is more exact.
        if (startedAt < lease.startedAt) lease.startedAt = startedAt;
        lease.endedAt = time;
        this.worker.completed += 1;
        this.close(lease);
        this.listener.onReply(lease, message, this.worker);
        this.advance(time); // the next one has been running since
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
          throw new ProtocolError('a stream value for a task without a stream');
        this.confirmStart(lease, this.listener.now());
        this.listener.onValue(lease, message);
        return;
      default:
        throw new ProtocolError(`unexpected message type ${type}`);
    }
  }

  /** Handles a message about an attempt that is over, or that cannot have started. */
  #onOther(type: FrameType, seq: number, lease: Lease | undefined): void {
    if (seq < 1 || seq > this.ring.last) throw new ProtocolError(`message type ${type} for attempt ${seq}, which was never sent`);
    if (lease === undefined) return; // late, or withdrawn and therefore skipped
    throw new ProtocolError(`message type ${type} for attempt ${seq}, which cannot have started`);
  }

  /** Attempts wait there without an offer: a recall is on its way, or task code has read them. */
  #onStarved(recalls: number): void {
    if (recalls >= this.recalls) throw new ProtocolError('the offers of its attempts were read by somebody else');
  }

  /**
   * Limits the reported times to the span between the sending of the attempt and now, because the
   * pool counts and waits by them. Returns the time.
   */
  #clampTimes(message: Message, earliest: number): number {
    message.time = Math.max(earliest, Math.min(message.time, this.worker.heardAt));
    limitRunMs(message, message.time - earliest);
    return message.time;
  }

  onRead(): void {
    this.listener.onRead();
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
    // In reverse: each then goes to the very front of the queue (G14).
    for (const lease of orphans.reverse()) this.listener.onOrphaned(lease, death, this.worker);
    this.ring.clear();
  }

  // ---- withdrawing

  /**
   * Takes an attempt back if it has not started. Returns true if the lease is over; the caller then
   * decides about the task.
   */
  withdraw(lease: Lease): boolean {
    if (lease.hasStarted) return false;
    const started = this.recall((other) => other !== lease);
    if (started === undefined || lease.seq <= started) return false;
    const now = this.listener.now();
    if (lease.seq <= this.presumedUpTo) this.#lags(now, lease, started);
    this.close(lease);
    lease.record.lease = undefined;
    if (this.openCount === 0) this.since = now;
    this.presume(now);
    this.listener.onCapacity(this);
    return true;
  }

  /**
   * Takes back the attempts after `limit` that have not started. Returns false if one of them has
   * started.
   */
  withdrawAfter(limit: number): boolean {
    if (this.ring.last <= limit) return true;
    const started = this.recall(({ seq }) => seq <= limit);
    if (started === undefined) return false; // its death decides about them
    const withdrawn = this.ring.after(Math.max(limit, started)).reverse();
    // All of them first: code of the program may run then, and ask about the others.
    for (const lease of withdrawn) this.close(lease);
    for (const lease of withdrawn) this.listener.onWithdrawn(lease);
    this.presume(this.listener.now());
    return this.ring.after(limit).length === 0;
  }

  /**
   * Withdraws the attempts sent ahead, so that a worker busy for long holds none of them hostage
   * (G11).
   */
  withdrawAhead(): void {
    if (this.pace === 'flows') this.pace = 'holds';
    this.withdrawAfter(this.presumedUpTo);
    this.listener.onCapacity(this);
  }

  /**
   * Takes back attempts whose start the worker has delayed for too long. If nothing runs there,
   * they stay while no other worker has a place: their time limits already count, and they may
   * still start. Returns when to check again. Infinity: once something is sent; undefined: once
   * another worker has a place.
   */
  relieve(now: number, isPlaceElsewhere: boolean): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    if (this.ahead > 0) {
      next = this.since + HOSTAGE_MS;
      if (next <= now) {
        this.withdrawAhead();
        next = this.ahead > 0 ? this.#overtaken(now) : Number.POSITIVE_INFINITY;
      }
    }
    const late = this.#oldestUnstarted();
    if (late === undefined) return next;
    if (late.startedAt + LATE_MS > now) return Math.min(next, late.startedAt + LATE_MS);
    const recorded = this.readStarted();
    if (recorded === undefined || recorded >= this.presumedUpTo) return next;
    if (!isPlaceElsewhere && this.countUpTo(recorded) === 0) return undefined;
    this.#lags(now, late, recorded);
    this.withdrawAfter(recorded);
    this.listener.onCapacity(this);
    return next;
  }

  /** The oldest attempt that is presumed to run but not known to have started. */
  #oldestUnstarted(): Lease | undefined {
    for (let seq = this.knownUpTo + 1; seq <= this.presumedUpTo; seq += 1) {
      const lease = this.ring.at(seq);
      if (lease !== undefined && !lease.hasStarted) return lease;
    }
    return undefined;
  }

  /**
   * Sets the pace when an attempt that could run is taken back: others block it, or nothing starts.
   */
  #lags(now: number, { startedAt }: Lease, started: number): void {
    if (this.running > 1 && this.countUpTo(started) > 0) this.pace = 'spins';
    else if (startedAt + LATE_MS <= now && this.pace !== 'hangs') {
      this.pace = 'hangs';
      this.hungSince = now;
    }
  }

  /**
   * Takes back later attempts, so that killing the worker for this one harms no other (G5). Returns
   * false if a later one has started, so this one has ended: its reply is in the pipe. If no reply
   * comes, task code has read the offer of the later one.
   */
  mayKillFor(lease: Lease): boolean {
    if (this.withdrawAfter(lease.seq) || this.listener.concurrency > 1) return true;
    this.#overtaken(this.listener.now());
    return false;
  }

  /**
   * More attempts are claimed than the worker can run: replies are on their way, or task code has
   * read the offers. Returns when that is decided.
   */
  #overtaken(now: number): number {
    this.overtakenAt ??= now;
    const decidedAt = this.overtakenAt + OVERTAKEN_MS;
    if (now >= decidedAt) this.worker.fail('protocol', 'it has claimed more tasks than it can run, and answers none');
    return decidedAt;
  }

  /**
   * Takes back what has not started. Returns true if nothing is left, so that the hung worker may
   * be killed without harm to any task (G5).
   */
  mayKillAsHung(): boolean {
    this.withdrawAfter(0);
    if (this.openCount === 0) return true;
    this.listener.onCapacity(this);
    return false;
  }

  abort(lease: Lease, kind: AbortKind, reason: Encoded | undefined): void {
    this.worker.controlFile.abort(lease.seq, kind);
    const softTimeoutMs = kind === 'soft-timeout' ? (lease.record.options.softTimeoutMs ?? 0) : 0;
    this.worker.add(abortMessage(reason?.codec ?? 0, lease.seq, kind, softTimeoutMs), reason?.body, reason?.attachments);
    this.worker.flush();
  }

  /** Reports that the reader of the stream has taken `count` more values. */
  sendTaken(lease: Lease, count: number): void {
    this.worker.add(takenMessage(lease.seq, count));
    this.worker.flush();
  }
}
