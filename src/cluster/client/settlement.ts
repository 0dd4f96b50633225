/**
 * The one place where the tasks of a client settle: each exactly once (C1). What is known of a task
 * that has settled already is dropped.
 */

import { describe } from '../../ipc/codec/codec.js';
import { addCaller } from '../../pool/task/submission-stack.js';
import { EverpoolError } from '../../shared/errors.js';
import { guarded, reportThrown } from '../../shared/program.js';
import type { ClientCore } from './client-core.js';
import { aboutTask } from './messages.js';
import type { ClientTask, Ran, Settled } from './task-record.js';

const NEVER: Ran = { attempts: 0, ms: 0 };

export class Settlement {
  readonly #core: ClientCore;

  constructor(core: ClientCore) {
    this.#core = core;
  }

  succeed(record: ClientTask, value: unknown, ran: Ran): void {
    if (record.isSettled) return;
    this.#finish(record, 'succeeded', ran, undefined);
    record.settler.resolve(value, record);
  }

  /** @param isThrown the task itself threw, so its error may be shown to what awaits it */
  fail(record: ClientTask, error: unknown, ran: Ran = NEVER, isThrown = false): void {
    if (record.isSettled) return;
    const { caller, over, ending } = record;
    const isUrgent = ending !== undefined || over !== undefined || this.#core.state !== 'open';
    this.#finish(record, 'failed', ran, error);
    // Only now, because it may run code of the program.
    if (caller !== undefined) addCaller(error, caller, aboutTask(record));
    record.settler.reject(error, record, !isThrown || isUrgent || caller !== undefined);
  }

  /** Ends a task as its `ending` says. */
  end(record: ClientTask, isForced: boolean, ran: Ran = NEVER): void {
    const { ending } = record;
    if (record.isSettled || ending === undefined) return;
    const error = ending.error(isForced);
    this.#finish(record, ending.state, ran, error);
    record.settler.reject(error, record, true);
  }

  /** Somebody else has ended it. */
  endByOther(record: ClientTask, error: unknown, ran: Ran = NEVER): void {
    if (record.isSettled) return;
    this.#finish(record, 'cancelled', ran, error);
    record.settler.reject(error, record, true);
  }

  /**
   * Acts for one task. What is thrown there, by a bug or by a built-in that the program has
   * replaced, fails this task and no other.
   */
  apart(record: ClientTask, act: () => void): void {
    try {
      act();
    } catch (cause) {
      this.#failInternally(record, cause);
    }
  }

  #failInternally(record: ClientTask, cause: unknown): void {
    const text = `${aboutTask(record)} failed inside the cluster, because of a bug in everpool or of a built-in that the program has replaced: ${describe(cause)}${this.#core.story}`;
    const error = new EverpoolError(text, 'ERR_EVERPOOL_INTERNAL', { cause });
    const what = `the end of ${aboutTask(record)}`;
    if (record.isSettled) reportThrown(what, error);
    else guarded(what, () => this.#finish(record, 'failed', NEVER, error));
    guarded(what, () => record.settler.reject(error, record, true)); // it may not know of its end
  }

  #finish(record: ClientTask, state: Settled, { attempts, ms }: Ran, error: unknown): void {
    const core = this.#core;
    record.become(state, core.story);
    record.data = undefined;
    record.early = undefined;
    record.caller = undefined;
    record.ran = { attempts, ms };
    core.counts[state] += 1;
    const { started } = record;
    if (started !== undefined) {
      if (attempts > 0 || record.wasTaken) started.resolve({ startedAt: startOf(core, record) });
      else started.reject(error);
    }
    core.forget(record);
    record.over?.resolve();
    if (core.events.has('taskSettled')) {
      const { id, name, options } = record;
      const payload = { id, name, outcome: state, attempts, ...(options.tag === undefined ? {} : { tag: options.tag }) };
      core.events.emit('taskSettled', payload);
    }
  }
}

/** Milliseconds since the Unix epoch. */
export function startOf({ clock }: ClientCore, record: ClientTask): number {
  return clock.epoch + (record.wasTaken ? record.takenAt : clock.now() - (record.ran?.ms ?? 0));
}
