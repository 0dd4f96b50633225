/**
 * Ends the requested tasks and no others (C5): `cancel`, `kill`, an AbortSignal, `queueTimeoutMs`.
 *
 * A task that was not sent is settled. One in the store is removed, and then never starts (C6). If
 * a host has it, that host is asked to end it, again and again, until the task has ended or can be
 * removed: the message may be lost, and the host may be frozen (C7).
 */
import { encode } from '../../ipc/codec/codec.js';
import { deferred } from '../../shared/deferred.js';
import { ignore } from '../../shared/ignore.js';
import { writeEnd } from '../wire/messages.js';
import { isSealedByOthers } from '../wire/task.js';
import { toText } from '../wire/text.js';
import type { ClientCore } from './client-core.js';
import { cancelledError, otherSecretError, queueTimeoutError } from './messages.js';
import { startOf } from './settlement.js';
import type { ClientTask, Ending } from './task-record.js';

export type EndKind = 'cancel' | 'kill';

/** Between two rounds. */
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 2000;
/** A longer reason does not travel. */
const MOST_REASON_CHARS = 65_536;
/** A deadline that is this late is late because this process stood still. */
const LATE_MS = 50;

export class Endings {
  readonly #core: ClientCore;
  /** Those with a loop under way. */
  readonly #ending = new Set<ClientTask>();

  constructor(core: ClientCore) {
    this.#core = core;
  }

  /** Resolves when the task runs nowhere. */
  end(record: ClientTask, how: EndKind, reason: unknown): Promise<void> {
    this.#begin(record, { state: 'cancelled', error: cancelledError(record, reason), isExpiry: false, how, reason: encodedReason(reason) });
    return this.whenOver(record);
  }

  /** As `cancel`, but the task rejects with the reason of its signal. */
  abort(record: ClientTask, reason: unknown): void {
    this.#begin(record, { state: 'cancelled', error: () => reason, isExpiry: false, how: 'cancel', reason: encodedReason(reason) });
  }

  whenOver(record: ClientTask): Promise<void> {
    if (record.over === undefined) {
      record.over = deferred();
      if (record.isSettled) record.over.resolve();
    }
    return record.over.promise;
  }

  /** The first reason stays; `kill` overtakes `cancel`. */
  #begin(record: ClientTask, ending: Ending): void {
    const known = record.ending;
    if (record.isSettled) return;
    if (known === undefined || known.isExpiry) record.ending = ending;
    else if (ending.how === 'kill' && known.how === 'cancel') {
      known.how = 'kill';
      if (record.state === 'taken') this.#publish(record.id, known);
    }
    this.proceed(record);
  }

  /** After a change: does what the state of the task allows, if it is to end. */
  proceed(record: ClientTask): void {
    const { ending, state } = record;
    if (ending === undefined) return;
    if (state === 'buffered' || (state === 'held' && record.isNew)) this.#core.settlement.end(record, false);
    else if (record.isStored && !this.#ending.has(record)) {
      this.#ending.add(record);
      this.#core.run('the end of a task', () => this.#loop(record).finally(() => this.#ending.delete(record)));
    }
  }

  async #loop(record: ClientTask): Promise<void> {
    const core = this.#core;
    if (record.ending?.isExpiry === true) await this.#readTaken(record);
    for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, LONGEST_DELAY_MS)) {
      if (record.isSettled || record.ending === undefined) return;
      // The removal echoes as an event, maybe before its answer: `ending` is set by now, so that
      // is not taken for the work of somebody else.
      const answer = await core.ask(() => core.store.remove(record.id));
      const { ending } = record;
      if (record.isSettled || ending === undefined) return;
      if (answer === 'removed') {
        core.settlement.end(record, false);
        return;
      }
      if (answer === 'taken' && ending.isExpiry) {
        record.ending = undefined; // a host has taken it in time
        this.onTaken(record);
        return;
      }
      if (answer === 'taken') this.#publish(record.id, ending);
      await core.sweep.read([record]); // it may have ended
      if (record.isSettled) return;
      await core.pause(delay);
      if (record.isSettled) return;
    }
  }

  /** It may have started long ago, without an event, and wait for a retry now. */
  async #readTaken(record: ClientTask): Promise<void> {
    const { store } = this.#core;
    const [stored] = await this.#core.ask(() => store.read([record.id]));
    if (stored?.wasTaken !== true) return;
    if (record.ending?.isExpiry === true) record.ending = undefined;
    this.onTaken(record);
  }

  #publish(id: string, { how, reason }: Pick<Ending, 'how' | 'reason'>): void {
    const { store, seals } = this.#core;
    const message = writeEnd('end', { id, how, reason }, seals);
    this.#core.askOnce(() => store.publishEnd(message)).catch(ignore); // the next round repeats it
  }

  // ---- tasks of others, and tasks that have settled here

  /**
   * Ends a task of any client. Resolves when it runs nowhere, and at once if it has ended. Rejects
   * if its host does not obey this client, which has another secret (OptionsError).
   */
  async endAny(id: string, how: EndKind, reason: unknown): Promise<'finished' | 'removed' | 'ended'> {
    const { store, seals } = this.#core;
    const text = encodedReason(reason);
    if (!(await this.#isUnfinished(id))) return 'finished';
    // Its owner has to know the reason before it sees that the task is missing.
    const message = writeEnd('ended', { id, how, reason: text }, seals);
    await this.#core.ask(() => store.publishEnded(message));
    return this.#endStored(id, { how, reason: text }, this.#core.options.connectTimeoutMs);
  }

  /**
   * It has settled here while the call that adds it was under way, so it must not start.
   * @param head of what was to be added: the same item of a named batch may be another client's
   */
  removeLater({ id, isKept, ending }: ClientTask, head: string | undefined): void {
    const core = this.#core;
    core.run('the removal of a task', async () => {
      const [found] = isKept ? await core.ask(() => core.store.heads([id])) : [head];
      if (found === head) await this.#endStored(id, ending ?? { how: 'kill', reason: '' });
    });
  }

  /** @param doubtMs a host that has not obeyed by then may refuse this client */
  async #endStored(
    id: string,
    ending: Pick<Ending, 'how' | 'reason'>,
    doubtMs: number = Number.POSITIVE_INFINITY,
  ): Promise<'removed' | 'ended'> {
    const core = this.#core;
    let doubtAt = core.clock.now() + doubtMs;
    for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, LONGEST_DELAY_MS)) {
      const answer = await core.ask(() => core.store.remove(id));
      if (answer !== 'taken') return answer === 'removed' ? 'removed' : 'ended';
      this.#publish(id, ending);
      await core.pause(delay);
      if (!(await this.#isUnfinished(id))) return 'ended';
      if (core.clock.now() < doubtAt) continue;
      const [stored] = await core.ask(() => core.store.read([id]));
      if (stored !== undefined && isSealedByOthers(id, stored.data, core.seals)) throw otherSecretError(id, doubtMs);
      doubtAt = Number.POSITIVE_INFINITY;
    }
  }

  async #isUnfinished(id: string): Promise<boolean> {
    const [status] = await this.#core.ask(() => this.#core.store.statuses([id]));
    return status?.state === 'unfinished';
  }

  // ---- queueTimeoutMs

  /** A host has taken the task, so it has no deadline here any more. */
  onTaken(record: ClientTask): void {
    const core = this.#core;
    if (record.wasTaken) return;
    record.wasTaken = true;
    record.takenAt = core.clock.now();
    core.deadlines.clear(record);
    record.started?.resolve({ startedAt: startOf(core, record) });
  }

  onDeadline(record: ClientTask): void {
    const { clock, deadlines, settlement } = this.#core;
    const lateMs = clock.now() - record.dueAt;
    if (record.ending !== undefined) return;
    if (lateMs >= LATE_MS && !record.isForgiven) {
      record.isForgiven = true;
      deadlines.set(record, clock.now() + Math.min(lateMs, record.options.queueTimeoutMs as number));
      return;
    }
    record.ending = { state: 'failed', error: () => queueTimeoutError(record), isExpiry: true, how: 'kill', reason: '' };
    // A store that is away must not make a task wait for ever. If it has the task nevertheless,
    // the answer of the call says so, and then the task is removed.
    if (record.state === 'sending' || record.state === 'held') settlement.end(record, false);
    else this.proceed(record);
  }
}

/** Empty if there is none, or if it cannot travel. */
function encodedReason(reason: unknown): string {
  if (reason === undefined) return '';
  try {
    const text = toText(encode(reason));
    return text.length > MOST_REASON_CHARS ? '' : text;
  } catch {
    return '';
  }
}
