/** Checks the inside of a pool after every step, and every choice that it makes. */
import { WINDOW_VALUES } from '../../src/ipc/stream-window.js';
import { WorkerLeases } from '../../src/pool/dispatch/worker-leases.js';
import { StreamSink } from '../../src/pool/handles/stream.js';
import { coreOf, type Pool } from '../../src/pool/pool.js';
import { Settlement } from '../../src/pool/settle/settlement.js';
import type { TaskRecord } from '../../src/pool/task/task-record.js';
import type { Ledger } from './ledger.js';
import { textOf } from './text.js';
import type { World } from './world.js';

export class Invariants {
  readonly #pool: Pool<object>;
  readonly #world: World;
  readonly #seen = new Set<TaskRecord>();
  readonly #sent = new Set<TaskRecord>();
  readonly #send = WorkerLeases.prototype.send;
  readonly #torn = Settlement.prototype.failInternally;
  readonly #sink = {
    put: StreamSink.prototype.put,
    next: StreamSink.prototype.next,
    lost: StreamSink.prototype.lost,
    close: StreamSink.prototype.close,
  };

  constructor(world: World, ledger: Ledger, pool: Pool<object>) {
    this.#world = world;
    this.#pool = pool;
    const { send } = WorkerLeases.prototype;
    const onSend = (record: TaskRecord, leases: WorkerLeases): void => {
      ledger.given(record.id, leases.worker.id);
      this.#onSend(record);
    };
    WorkerLeases.prototype.send = function (this: WorkerLeases, ...args) {
      onSend(args[0], this);
      send.apply(this, args);
    };
    const { failInternally } = Settlement.prototype;
    // The safety net below the decisions: a task that falls into it harms no other, but here none
    // may fall.
    Settlement.prototype.failInternally = function (this: Settlement, record, cause) {
      world.fault(`G9: task ${record.id} has failed within the pool: ${textOf(cause)}`);
      failInternally.call(this, record, cause);
    };
    this.#watchStreams();
  }

  /** G12: values of a stream that arrived and were not taken fit into its window. */
  #watchStreams(): void {
    const { put, next, lost, close } = this.#sink;
    const world = this.#world;
    const held = new WeakMap<StreamSink, number>();
    const add = (sink: StreamSink, count: number): void => {
      held.set(sink, (held.get(sink) ?? 0) + count);
    };
    Object.assign(StreamSink.prototype, {
      put(this: StreamSink, ...args: Parameters<StreamSink['put']>): void {
        put.apply(this, args);
        add(this, 1);
        if ((held.get(this) as number) > WINDOW_VALUES) world.fault(`G12: ${held.get(this)} values of a stream are held`);
      },
      async next(this: StreamSink): Promise<IteratorResult<unknown>> {
        const result = await next.call(this);
        if (result.done !== true) add(this, -1);
        return result;
      },
      lost(this: StreamSink): void {
        held.set(this, 0);
        lost.call(this);
      },
      close(this: StreamSink): void {
        close.call(this);
        held.set(this, Number.NEGATIVE_INFINITY); // later values are dropped
      },
    });
  }

  /** Takes every change of the pool's code back. */
  stop(): void {
    WorkerLeases.prototype.send = this.#send;
    Settlement.prototype.failInternally = this.#torn;
    Object.assign(StreamSink.prototype, this.#sink);
  }

  /**
   * G14: the first of the waiting tasks is sent; one that was sent and never started waits before
   * all that were not sent.
   */
  #onSend(record: TaskRecord): void {
    for (const other of coreOf(this.#pool).queue) {
      if (other.priority > record.priority)
        this.#world.fault(`G14: task ${record.id} of priority ${record.priority} is sent before task ${other.id} of ${other.priority}`);
      if (isRetry(record) || isRetry(other) || other.priority < record.priority) continue;
      if (this.#sent.has(record) || record.isBack) {
        // Both were sent before, alone or in a chunk, so they keep the order of their submission.
        if (other.isBack && other.id < record.id) this.#world.fault(`G14: task ${record.id} is sent again before task ${other.id}`);
      } else if (this.#sent.has(other))
        this.#world.fault(`G14: task ${record.id} is sent before task ${other.id}, which had been sent, and had not started`);
      else if (other.id < record.id) this.#world.fault(`G14: task ${record.id} is sent before task ${other.id}`);
    }
    this.#sent.add(record);
  }

  /** Each task is in exactly one place, and in the state that belongs to it. */
  check(): void {
    const core = coreOf(this.#pool);
    const found = new Set<TaskRecord>();
    const is = (record: TaskRecord, isTrue: boolean, what: string): void => {
      if (!isTrue) this.#world.fault(`state: task ${record.id}, ${record.state}: ${what}`);
      if (found.has(record)) this.#world.fault(`state: task ${record.id}, ${record.state}, is in two places`);
      this.#seen.add(record);
      found.add(record);
    };
    for (const record of core.queue) is(record, record.state === 'queued' && record.lease === undefined, 'in the queue');
    for (const record of core.waiting) is(record, record.state === 'waiting' && record.heapIndex >= 0, 'waits for its retry');
    const slots = new Set<number>();
    for (const { worker, slot } of core.supervisor.living()) {
      if (slot < 0 || worker.state !== 'ready') continue; // a replacement boots, or ends, beside it
      if (slots.has(slot)) this.#world.fault(`state: two workers have the slot ${slot}`);
      slots.add(slot);
    }
    for (const leases of core.dispatcher.workers) {
      const { worker } = leases;
      let load = 0;
      for (const lease of leases.list()) {
        load += 1;
        const { record } = lease;
        is(record, record.state === 'sent' || record.state === 'running', `with worker ${worker.id}`);
        if (record.lease !== lease || lease.holder !== leases)
          this.#world.fault(`state: task ${record.id} and worker ${worker.id} disagree on their lease`);
      }
      const { running } = leases;
      if (load !== leases.load) this.#world.fault(`state: worker ${worker.id} has ${load} leases, and counts ${leases.load}`);
      if (running < 0 || running > core.options.concurrency)
        this.#world.fault(`state: worker ${worker.id} is said to run ${running} at once`);
      if (leases.isOpen && worker.state !== 'ready') this.#world.fault(`state: worker ${worker.id} is ${worker.state}, and is given tasks`);
    }
    if (found.size !== core.outstanding) this.#world.fault(`G1: ${core.outstanding} tasks are to settle, ${found.size} are somewhere`);
  }

  /** G12: a closed pool holds nothing, and a settled task holds nothing that it was given. */
  checkEnd(): void {
    const { queue, waiting, dispatcher, deadlines, outstanding } = coreOf(this.#pool);
    const left = { outstanding, queued: queue.size, waiting: waiting.size, workers: dispatcher.workers.size, deadlines: deadlines.size };
    for (const [what, count] of Object.entries(left)) if (count > 0) this.#world.fault(`G12: ${count} left at the end: ${what}`);
    for (const record of this.#seen) {
      if (record.body !== undefined || record.attachments.length > 0 || record.caller !== undefined)
        this.#world.fault(`G12: task ${record.id} is over, and its arguments or its caller are held`);
    }
  }
}

/** A task of a dead worker goes to the back, unless the death was requested. */
function isRetry(record: TaskRecord): boolean {
  return record.starts > 0 || record.past !== undefined;
}
