/** What the pool does when its workers come and go: the supervisor's user. It opens and closes lanes. */

import { decode } from '../../ipc/codec/codec.js';
import { type FrameHeader, FrameType, type Message, ProtocolError } from '../../ipc/frame.js';
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
import type { Lease } from '../task/task-record.js';

/** How often a worker tells its resident memory, if it has to. */
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

  // ---- workers (SupervisorUser)

  createClient(worker: Worker): WorkerClient {
    const leases = new WorkerLeases(worker, this);
    this.#leases.set(worker, leases);
    this.#core.dispatcher.workers.add(leases);
    return leases;
  }

  /** Encoded once, when the pool was made: code of the program that ran here could not be answered to. */
  bootMessage(worker: Worker): { header: FrameHeader; body: string | Buffer | undefined; attachments: readonly Buffer[] } {
    const { limits, recycle } = this.#core.options;
    // Where the system does not tell it, the worker does.
    const isAsked = (limits.rssBytes ?? recycle.aboveRssBytes) !== undefined && worker.vitals() === undefined;
    const { codec, body, attachments } = this.#core.boot;
    return { header: { type: FrameType.Boot, codec, a: worker.id, b: isAsked ? REPORT_MS : 0 }, body, attachments };
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

  onSettled(): void {
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
    if (wasEverReady && death.phase === 'boot') return false; // it may be in the middle of being replaced
    return setupMistake(death, worker.bootError, this.#core.options.module) !== undefined;
  }

  breakPool(death: Death, bootError: unknown): Error {
    const core = this.#core;
    core.poolState.break(brokenError(core.options, death, bootError));
    // Not the one of which those of the tasks are made: the program may change it.
    core.events.emit('broken', { error: core.brokenError() });
    const error = core.brokenError();
    for (const record of [...core.queue, ...core.waiting]) {
      if (core.poolState.brokenBy === undefined) break; // code of the program has revived the pool: the others go on
      if (record.isSettled) continue; // by what followed from one before it
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

  // ---- lanes (LaneUser). One net around each lease: what happens to one task stops neither the others nor the pool

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
    const { onProgress } = lease.record.options;
    if (onProgress === undefined) return;
    let value: unknown;
    try {
      value = decode(message.codec, message.body, message.attachments);
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
      if (cause instanceof ProtocolError) throw cause; // more values than there is room for, or none of what a chunk tells
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

/** @throws ProtocolError: a worker whose words cannot be read dies of it, and the parent does not (G9) */
function exportsOf(message: Message): Set<string> {
  try {
    const names: unknown = decode(message.codec, message.body, message.attachments);
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return new Set(names as string[]);
  } catch (cause) {
    throw new ProtocolError('a worker that is ready, with a list of exports that cannot be read', { cause });
  }
  throw new ProtocolError('a worker that is ready, with exports that are no list of names');
}
