/** The pool of a host, and what the host asks of it. */
import type { Encoded } from '../../ipc/codec/codec.js';
import { type EncodedMore, type EncodedTask, submitEncoded } from '../../pool/handles/submit-encoded.js';
import { coreOf, Pool } from '../../pool/pool.js';
import type { TaskOptions } from '../../pool/types.js';
import { ignore } from '../../shared/ignore.js';
import type { Attempt } from '../../shared/types.js';

export interface LocalPool {
  /** The most tasks that run at once. */
  readonly slots: number;
  /** False while it is broken, or when it is closing or closed. */
  readonly isOpen: boolean;
  submit(name: string, args: Encoded, options: TaskOptions, more: EncodedMore): EncodedTask;
  /** Kills with SIGKILL, whatever the kill ladder says. Settles as `kill`; never rejects. */
  killAtOnce(task: EncodedTask, reason: string): Promise<void>;
}

/** What the host itself asks of it. */
export interface ServingPool extends LocalPool, Pick<Pool, 'state' | 'ready' | 'terminate' | 'kill' | 'on'> {
  /** The sum of the waits of its kill ladder. */
  readonly ladderMs: number;
  onResized: (() => void) | undefined;
}

/** A pool that reports when it is resized. */
export class HostPool extends Pool implements ServingPool {
  /** @internal */
  onResized: (() => void) | undefined;

  override resize(size: number | { min: number; max: number }): void {
    super.resize(size);
    this.onResized?.();
  }

  /** @internal */
  get slots(): number {
    return coreOf(this).supervisor.max * coreOf(this).options.concurrency;
  }
  /** @internal */
  get ladderMs(): number {
    return coreOf(this).options.killLadder.reduce((sum, { waitMs }) => sum + waitMs, 0);
  }
  /** @internal */
  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** @internal */
  submit(name: string, args: Encoded, options: TaskOptions, more: EncodedMore): EncodedTask {
    return submitEncoded(coreOf(this), name, args, options, more);
  }

  /** @internal */
  killAtOnce(task: EncodedTask, reason: string): Promise<void> {
    const over = task.kill(reason).catch(ignore);
    // The kill has begun with the first step of the ladder, which may be too slow for a lock.
    (task.started as Promise<Attempt>)
      .then(({ workerId }) => {
        const isStopping = this.workers().some(({ id, state }) => id === workerId && state === 'stopping');
        return isStopping ? this.killWorker(workerId) : undefined;
      })
      .catch(ignore);
    return over;
  }
}
