/** Compares the end of a task, as the pool reports it, with the records of the processes. */

import type { Task } from '../../src/pool/handles/task.js';
import type { Pool } from '../../src/pool/pool.js';
import { PoolBrokenError, TaskCancelledError, TaskTimeoutError, WorkerDiedError } from '../../src/shared/errors.js';
import type { Ledger, TaskEntry } from './ledger.js';
import { nameOf } from './text.js';
import type { World } from './world.js';

export interface Submitted {
  readonly task: Task<unknown>;
  readonly entry: TaskEntry;
  readonly controller: AbortController | undefined;
  settled: number;
}

/** The longest time that a finished result may wait for its caller (G11). */
const HOSTAGE_MS = 10;
/** How long a task may wait past its queue timeout, stalls of the parent not counted. */
const QUEUE_SLACK_MS = 500;

export class Judge {
  readonly #pool: Pool<object>;
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #isQuickParent: boolean;
  #recoveredAt = Number.NEGATIVE_INFINITY;

  constructor(pool: Pool<object>, world: World, ledger: Ledger, isQuickParent: boolean) {
    this.#pool = pool;
    this.#world = world;
    this.#ledger = ledger;
    this.#isQuickParent = isQuickParent;
    pool.on('recovered', () => {
      this.#recoveredAt = world.now();
    });
  }

  /** A pool that is ending takes no more tasks, not even one whose arguments have ended it. */
  submitted({ task, entry }: Submitted): void {
    const { state } = this.#pool;
    if (task.state === 'queued' && (state === 'closing' || state === 'closed'))
      this.#world.fault(`G1: task ${entry.id} was accepted by a pool that is ${state}`);
  }

  succeeded(each: Submitted, value: unknown): void {
    const { entry } = each;
    this.#settled(each, 'succeeded');
    if (this.#ledger.isTainted(entry)) return;
    const expected = entry.name === 'big' ? 'x' : `${entry.id}/`;
    const isVoid = entry.name === 'big' && value === '';
    if (!isVoid && !String(value).startsWith(expected)) this.#world.fault(`G7: task ${entry.id} got another's result: ${String(value)}`);
    if (entry.reply === undefined && entry.runningIn.size === 0 && entry.calls === 0)
      this.#world.fault(`G7: task ${entry.id} succeeded and was never called`);
    const waited = this.#world.now() - entry.repliedAt - (this.#world.stalledMs - entry.stalledMs);
    if (this.#isQuickParent && waited > HOSTAGE_MS)
      this.#world.fault(`G11: the result of task ${entry.id} waited for ${waited.toFixed(1)} ms`);
  }

  failed(each: Submitted, reason: unknown): void {
    const { entry } = each;
    this.#settled(each, nameOf(reason));
    if (!isOurs(reason)) return;
    const isTainted = this.#ledger.isTainted(entry);
    if (reason instanceof WorkerDiedError && entry.reply !== undefined)
      this.#world.fault(`G4: task ${entry.id} had replied in full, and failed: ${reason.message}`);
    if (reason instanceof WorkerDiedError && entry.recorded === 0 && !isTainted)
      this.#world.fault(`G3: task ${entry.id} never started, and was charged with a death`);
    const isAskedFor = entry.endedAtBegun !== undefined || this.#ledger.isEnding || this.#ledger.cancelsQueued;
    if (reason instanceof TaskCancelledError && !isAskedFor)
      this.#world.fault(`G5: task ${entry.id} was cancelled, and nobody had asked for it`);
    if (reason instanceof TaskTimeoutError && entry.timeoutMs === undefined && reason.kind === 'run' && entry.name !== 'untilAborted')
      this.#world.fault(`G5: task ${entry.id} timed out, and has no time limit`);
    if (reason instanceof PoolBrokenError && this.#pool.state === 'open') this.#checkBroken(entry);
  }

  /** The pool may have recovered a moment before the rejection was heard. */
  #checkBroken({ id }: TaskEntry): void {
    const now = this.#world.now();
    this.#world.at(now, () => {
      if (this.#recoveredAt < now) this.#world.fault(`G10: task ${id} is refused by a pool that is broken no more`);
    });
  }

  #settled(each: Submitted, how: string): void {
    each.settled += 1;
    this.#world.log('settles', each.entry.id, how);
    if (each.settled > 1) this.#world.fault(`G1: task ${each.entry.id} settled twice`);
    this.#ledger.settled(each.entry, each.task.attempts.length);
  }

  /** A queue timeout holds wherever the task waits, even with a worker that does not start it. */
  watchQueueTimeout(each: Submitted, timeoutMs: number): void {
    const { entry } = each;
    const stalledMs = this.#world.stalledMs;
    this.#world.at(this.#world.now() + timeoutMs + QUEUE_SLACK_MS, () => {
      // A forger may conceal that it dropped the task: then the parent takes it for running.
      if (each.settled > 0 || entry.recorded > 0 || entry.calls > 0 || this.#ledger.isTainted(entry)) return;
      const busyMs = this.#world.parentFreeAt - this.#world.now();
      if (this.#world.stalledMs > stalledMs || busyMs > QUEUE_SLACK_MS / 2) this.watchQueueTimeout(each, busyMs);
      else this.#world.fault(`G1: task ${entry.id} has waited ${QUEUE_SLACK_MS} ms longer than its queue timeout, and never started`);
    });
  }
}

/** Not a reason that the program made, which must not be read. */
function isOurs(reason: unknown): boolean {
  try {
    return (
      reason instanceof WorkerDiedError ||
      reason instanceof TaskCancelledError ||
      reason instanceof TaskTimeoutError ||
      reason instanceof PoolBrokenError
    );
  } catch {
    return false;
  }
}
