/**
 * The pool's reaction to its workers and their leases: the one listener of the supervisor and of
 * all worker leases. It opens and closes the leases of each worker, emits the events of workers,
 * and passes the outcomes of attempts to settlement. An error in the handling of one task fails
 * that task alone.
 */

import { decode } from '../../ipc/codec/codec.js';
import { passOn } from '../../ipc/codec/pass-on.js';
import { type FrameHeader, type Message, ProtocolError } from '../../ipc/frame.js';
import { bootMessage } from '../../ipc/messages.js';
import { sizeOf } from '../../ipc/stream-window.js';
import { reportThrown } from '../../shared/program.js';
import type { Story } from '../../shared/transitions.js';
import type { Death } from '../../shared/types.js';
import type { Worker } from '../../supervisor/lifecycle/worker.js';
import type { WorkerClient } from '../../supervisor/lifecycle/worker-client.js';
import type { RecycleCause } from '../../supervisor/slot.js';
import type { SupervisorDelegate, SupervisorListener } from '../../supervisor/supervisor-listener.js';
import type { LeaseListener } from '../dispatch/lease-table.js';
import { WorkerLeases } from '../dispatch/worker-leases.js';
import type { PoolContext } from '../pool-context.js';
import { brokenError } from '../settle/error-messages.js';
import { setupMistake } from '../settle/setup-mistakes.js';
import { armRunDeadlines } from '../settle/task-deadline.js';
import { AS_BYTES, type Lease } from '../task/task-record.js';

/** The interval in which a worker reports its resident memory, if it has to. */
const REPORT_MS = 100;

export class WorkerListener implements SupervisorListener, SupervisorDelegate, LeaseListener<WorkerLeases> {
  readonly concurrency: number;
  readonly story: Story;
  readonly #core: PoolContext;
  readonly #leases = new Map<Worker, WorkerLeases>();

  constructor(core: PoolContext) {
    this.#core = core;
    this.concurrency = core.options.concurrency;
    this.story = core.story;
  }

  // ---- workers (SupervisorListener, SupervisorDelegate)

  createClient(worker: Worker): WorkerClient {
    const leases = new WorkerLeases(worker, this);
    this.#leases.set(worker, leases);
    this.#core.dispatcher.workers.add(leases);
    return leases;
  }

  /** The body was encoded when the pool was created, as code of the program must not run here. */
  bootMessage(worker: Worker): { header: FrameHeader; body: string | Buffer | undefined; attachments: readonly Buffer[] } {
    const { limits, recycle } = this.#core.options;
    // If the system does not report the memory of a process, the worker does.
    const isAsked = (limits.rssBytes ?? recycle.aboveRssBytes) !== undefined && worker.vitals() === undefined;
    const { codec, body, attachments } = this.#core.boot;
    return { header: bootMessage(codec, worker.id, isAsked ? REPORT_MS : 0), body, attachments };
  }

  onSpawned(worker: Worker): void {
    this.#core.events.emit('workerSpawned', { workerId: worker.id, pid: worker.pid as number });
  }

  onReady(worker: Worker, message: Message): void {
    const core = this.#core;
    core.exports = exportsOf(message);
    const bootMs = (worker.readyAt as number) - worker.spawnedAt;
    core.autoscaler.onBoot(bootMs);
    core.events.emit('workerReady', { workerId: worker.id, pid: worker.pid as number, bootMs });
  }

  onUsable(worker: Worker): void {
    const leases = this.#leases.get(worker);
    if (leases === undefined || worker.state !== 'ready') return;
    this.#core.recycling.onUsable(leases);
    this.#core.dispatcher.open(leases);
    this.#core.waiters.check();
  }

  onDied(worker: Worker, death: Death): void {
    const leases = this.#leases.get(worker);
    if (leases === undefined) return;
    this.#leases.delete(worker);
    this.#core.dispatcher.close(leases);
    this.#core.recycling.onDied(leases);
    this.#core.events.emit('workerDied', { workerId: worker.id, death, orphans: leases.orphans });
  }

  onWorkersChanged(): void {
    this.#core.waiters.check();
    this.#core.dispatcher.schedule();
  }

  onRecycled(worker: Worker, why: RecycleCause): void {
    this.#core.events.emit('workerRecycled', { workerId: worker.id, why });
  }

  onOutput(worker: Worker, stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (this.#core.options[stream] === 'pipe') this.#core.events.emit(stream, { workerId: worker.id, chunk });
  }

  isHopeless(worker: Worker, death: Death, wasEverReady: boolean): boolean {
    // The pool worked before, so the module may be in the middle of an update.
    if (wasEverReady && death.phase === 'boot') return false;
    return setupMistake(death, worker.bootError, this.#core.options.module) !== undefined;
  }

  breakPool(death: Death, bootError: unknown): Error {
    const core = this.#core;
    core.poolState.break(brokenError(core.options, death, bootError));
    // A separate error, because the program may change the one it gets.
    core.events.emit('broken', { error: core.brokenError() });
    const error = core.brokenError();
    for (const record of [...core.queue, ...core.waiting]) {
      // Code of the program may have revived the pool: then the other tasks go on.
      if (core.poolState.brokenBy === undefined) break;
      if (record.isSettled) continue; // as a consequence of an earlier one
      try {
        if (record.state === 'queued') core.queue.remove(record);
        core.settlement.fail(record, core.brokenError());
      } catch (error) {
        core.settlement.failInternally(record, error);
      }
    }
    core.waiters.check();
    return error;
  }

  onRecovered(): void {
    this.#core.events.emit('recovered', {});
  }

  hasWork(): boolean {
    return this.#core.queue.size > 0 || this.#core.waiting.size > 0;
  }

  // ---- leases (LeaseListener). Each has its own try: an error about one task stops neither the
  // others nor the pool

  now(): number {
    return this.#core.clock.now();
  }

  onPresumedStart(lease: Lease): void {
    const { record } = lease;
    if (record.state === 'sent') record.become('running', this.#core.story);
    armRunDeadlines(this.#core, lease);
  }

  onStarted(lease: Lease): void {
    try {
      this.#core.settlement.onStarted(lease);
    } catch (error) {
      reportThrown(`the start of task ${lease.record.id}`, error); // its attempt goes on
    }
  }

  onReply(lease: Lease, message: Message, worker: Worker): void {
    try {
      if (!worker.isUseful) this.#core.supervisor.onUseful(worker);
      this.#core.settlement.onReply(lease, message, worker);
    } catch (error) {
      this.#core.settlement.failInternally(lease.record, error);
    }
  }

  onProgress(lease: Lease, message: Message): void {
    const { flags, options } = lease.record;
    const { onProgress } = options;
    if (onProgress === undefined) return;
    let value: unknown;
    try {
      const { codec, body, attachments } = message;
      value = (flags & AS_BYTES) === 0 ? decode(codec, body, attachments) : passOn(codec, body, attachments);
    } catch {
      return; // a progress value that cannot be read is lost; the task is not
    }
    this.#core.events.after(() => onProgress(value));
  }

  onValue(lease: Lease, message: Message): void {
    const { record } = lease;
    try {
      const value: unknown = decode(message.codec, message.body, message.attachments);
      record.sink?.put(value, sizeOf(message.body, message.attachments));
      record.items?.put(value);
    } catch (cause) {
      // More values than the window allows, or impossible outcomes of a chunk.
      if (cause instanceof ProtocolError) throw cause;
      this.#core.settlement.onUnreadableValue(lease, cause);
    }
  }

  onWithdrawn(lease: Lease): void {
    try {
      this.#core.settlement.onWithdrawn(lease);
    } catch (error) {
      this.#core.settlement.failInternally(lease.record, error);
    }
  }

  onOrphaned(lease: Lease, death: Death, worker: Worker): void {
    try {
      this.#core.settlement.onOrphaned(lease, death, worker);
    } catch (error) {
      this.#core.settlement.failInternally(lease.record, error);
    }
  }

  onCapacity(leases: WorkerLeases): void {
    this.#core.dispatcher.update(leases);
    if (leases.openCount === 0) {
      if (leases.worker.state === 'draining') this.#core.supervisor.drained(leases.worker);
      else this.#core.recycling.onIdle();
    }
  }

  onRead(): void {
    this.#core.dispatcher.schedule();
  }
}

/** @throws ProtocolError for an unreadable list: that ends the worker, not the parent (G9) */
function exportsOf(message: Message): Set<string> {
  try {
    const names: unknown = decode(message.codec, message.body, message.attachments);
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return new Set(names as string[]);
  } catch (cause) {
    throw new ProtocolError('the list of exports in its ready message cannot be decoded', { cause });
  }
  throw new ProtocolError('the exports in its ready message are not a list of names');
}
