/**
 * The end of a client: close, terminate, detach. First every pending task settles, then the client
 * disconnects. A store that is away does not hold up `terminate` and `detach`.
 */
import { type Deferred, deferred } from '../../shared/deferred.js';
import { ignore } from '../../shared/ignore.js';
import type { Timer } from '../../shared/platform.js';
import type { ClientCore } from './client-core.js';
import { cancelledError } from './messages.js';
import type { ClientTask } from './task-record.js';

/** How long the removal of the last results may take. */
const FLUSH_MS = 5000;

type How = 'close' | 'terminate' | 'detach';
/** A call takes effect only if it is stronger than the one before. */
const STRENGTH: Record<How, number> = { close: 1, detach: 2, terminate: 3 };
/** For the errors of what comes after the call. */
const WORDS: Record<How, string> = { close: 'is closing', detach: 'was detached', terminate: 'was terminated' };

export class ClientShutdown {
  readonly #core: ClientCore;
  #how: How | undefined;
  #done: Deferred<void> | undefined;
  #timer: Timer | undefined;
  #bound: Timer | undefined;
  #isLeaving = false;

  constructor(core: ClientCore) {
    this.#core = core;
    core.waiters.watch(() => this.#onChange());
  }

  close({ cancelQueued, timeoutMs }: { readonly cancelQueued: boolean; readonly timeoutMs: number | undefined }): Promise<void> {
    const core = this.#core;
    const done = this.#begin('close');
    if (core.state === 'closed') return done;
    if (cancelQueued) {
      for (const record of [...core.pending.values()]) {
        if (record.shown !== 'running') this.#end(record, 'cancel', 'its cluster was closed with cancelQueued');
      }
    }
    if (timeoutMs !== undefined) {
      this.#clear();
      this.#timer = core.clock.setTimer(() => void this.terminate(), timeoutMs);
    }
    this.#onChange();
    return done;
  }

  terminate(): Promise<void> {
    const core = this.#core;
    const done = this.#begin('terminate');
    if (core.state === 'closed') return done;
    for (const record of [...core.pending.values()]) this.#end(record, 'kill', 'its cluster was terminated');
    this.#watchStore(() => this.#endAll('its cluster was terminated, and the store did not answer'));
    this.#onChange();
    return done;
  }

  detach(): Promise<void> {
    const done = this.#begin('detach');
    if (this.#core.state === 'closed') return done;
    this.#watchStore(() => this.#leave());
    this.#onChange();
    return done;
  }

  #begin(how: How): Promise<void> {
    const core = this.#core;
    if (this.#done === undefined) {
      this.#done = deferred();
      core.waiters.hold(this.#done.promise).catch(ignore);
    }
    if (core.state !== 'closed' && (this.#how === undefined || STRENGTH[how] > STRENGTH[this.#how])) {
      this.#how = how;
      core.become('closing', WORDS[how]);
    }
    return this.#done.promise;
  }

  #end(record: ClientTask, how: 'cancel' | 'kill', why: string): void {
    void this.#core.endings.end(record, how, new Error(why));
  }

  /** Calls back if the store has not answered for `connectTimeoutMs`. */
  #watchStore(onAway: () => void): void {
    const core = this.#core;
    const { connectTimeoutMs } = core.options;
    const since = core.clock.now();
    const check = (): void => {
      const leftMs = Math.max(since, core.answeredAt) + connectTimeoutMs - core.clock.now();
      if (leftMs <= 0) onAway();
      else this.#bound = core.clock.setTimer(check, leftMs);
    };
    if (this.#bound !== undefined) core.clock.clearTimer(this.#bound);
    check();
  }

  /** Settles what is left, wherever it runs. */
  #endAll(why: string): void {
    const core = this.#core;
    for (const record of [...core.pending.values()]) {
      record.ending ??= { state: 'cancelled', error: cancelledError(record, new Error(why)), isExpiry: false, how: 'kill', reason: '' };
      core.settlement.end(record, false);
    }
    this.#leave();
  }

  #onChange(): void {
    const core = this.#core;
    if (this.#how === undefined || core.state !== 'closing') return;
    if (this.#how === 'detach' ? core.sender.isIdle : core.pending.size === 0 && core.unfinished === 0) this.#leave();
  }

  #leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    const core = this.#core;
    const closed = core.closedError(': the hosts go on with what the store has');
    for (const record of [...core.pending.values()]) core.settlement.fail(record, closed);
    core.discards.flush();
    void this.#disconnect();
  }

  async #disconnect(): Promise<void> {
    const core = this.#core;
    const { clock, discards } = core;
    const until = clock.now() + FLUSH_MS;
    while (!discards.isIdle && clock.now() < until) await core.pause(20);
    this.#clear();
    if (this.#bound !== undefined) clock.clearTimer(this.#bound);
    core.sweep.stop();
    core.deadlines.stop();
    core.become('closed', this.#how === 'close' ? 'is closed' : WORDS[this.#how as How]);
    await this.#within(core.store.close());
    core.events.emit('closed', {});
    this.#done?.resolve();
  }

  /** Whatever the store does, the client ends. */
  #within(closed: Promise<void>): Promise<void> {
    const { clock, options } = this.#core;
    return new Promise((resolve) => {
      const timer = clock.setTimer(resolve, options.connectTimeoutMs);
      const end = (): void => {
        clock.clearTimer(timer);
        resolve();
      };
      closed.then(end, end);
    });
  }

  #clear(): void {
    if (this.#timer !== undefined) this.#core.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
