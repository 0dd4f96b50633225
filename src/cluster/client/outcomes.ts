/** Turns what a host reports, or what the store says of a task, into the end of the task. */
import { decode, describe, type Encoded } from '../../ipc/codec/codec.js';
import { SerializationError, TaskCancelledError, WorkerDiedError } from '../../shared/errors.js';
import { restoreError } from '../../shared/restore-error.js';
import type { TaskStatus } from '../store/types.js';
import { join, readOutcome, readReason, type WiredOutcome } from '../wire/outcome.js';
import { fromText } from '../wire/text.js';
import type { ClientCore } from './client-core.js';
import { aboutTask, cancelledError, missingError, unreadableError } from './messages.js';
import type { ClientTask } from './task-record.js';

/**
 * A task is lost when the store has had no valid outcome of it that often in a row: the event that
 * explains it may be on its way.
 */
const MOST_MISSES = 2;
const APART_MS = 500;

type Source = 'byEvent' | 'bySweep';

export class Outcomes {
  readonly #core: ClientCore;

  constructor(core: ClientCore) {
    this.#core = core;
  }

  /** What the store says of a task. */
  onStatus(record: ClientTask, status: TaskStatus): void {
    if (!record.isStored) return;
    const { seals, endings } = this.#core;
    switch (status.state) {
      case 'unfinished':
        record.misses = 0;
        if (status.as === 'running') endings.onTaken(record);
        this.#follow(record, status.as);
        break;
      case 'missing':
        this.#onMissing(record);
        break;
      case 'completed':
        this.#onFinished(record, readOutcome(record.id, status.outcome, seals), status.outcome);
        break;
      case 'failed':
        this.#onFinished(record, readReason(record.id, status.reason, seals), status.reason);
        break;
    }
  }

  #follow(record: ClientTask, as: 'queued' | 'running' | 'waiting' | undefined): void {
    if (as === undefined) return;
    const state = as === 'queued' ? 'stored' : as === 'running' ? 'taken' : 'waiting';
    if (record.state !== state) record.become(state, this.#core.story);
  }

  /** It was removed: by this client, by somebody who says so, or by an operator. */
  #onMissing(record: ClientTask): void {
    const { settlement } = this.#core;
    const { ending, endedBy } = record;
    if (ending !== undefined) settlement.end(record, false);
    else if (endedBy !== undefined) settlement.endByOther(record, cancelledError(record, reasonOf(endedBy.reason))(false));
    else if (this.#isLost(record)) settlement.fail(record, missingError(record));
  }

  #onFinished(record: ClientTask, outcome: WiredOutcome | undefined, found: unknown): void {
    if (outcome !== undefined) this.accept(record, outcome, 'bySweep');
    else this.#onUnreadable(record, found);
  }

  /** Nobody runs it again, so it must not be pending for ever. */
  #onUnreadable(record: ClientTask, found: unknown): void {
    if (!this.#isLost(record)) return;
    this.#core.discards.add(record);
    this.#core.settlement.fail(record, unreadableError(record, found));
  }

  #isLost(record: ClientTask): boolean {
    const core = this.#core;
    const now = core.clock.now();
    if (record.misses > 0 && now - record.missedAt < APART_MS) return false;
    record.misses += 1;
    record.missedAt = now;
    if (record.misses >= MOST_MISSES) return true;
    core.run('a second reading', () => core.pause(APART_MS).then(() => core.sweep.suspect(record)));
    return false;
  }

  /** A valid outcome of a stored task. */
  accept(record: ClientTask, outcome: WiredOutcome, source: Source): void {
    if (outcome.text !== undefined) this.#settle(record, outcome, outcome.text, source);
    else this.#core.run('the reading of an outcome', () => this.#fetch(record, outcome, source));
  }

  async #fetch(record: ClientTask, outcome: WiredOutcome, source: Source): Promise<void> {
    const core = this.#core;
    record.become('reading', core.story);
    const rows = await core.ask(() => core.store.rows(record.id));
    if (record.isSettled) return;
    const text = outcome.pieces === undefined ? undefined : join(rows, outcome.pieces);
    record.become('stored', core.story);
    if (text === undefined) this.#onUnreadable(record, 'incomplete');
    else this.#settle(record, outcome, text, source);
  }

  #settle(record: ClientTask, outcome: WiredOutcome, text: string, source: Source): void {
    const core = this.#core;
    const encoded = fromText(text);
    if (encoded === undefined) {
      this.#onUnreadable(record, text);
      return;
    }
    const { kind } = outcome;
    core.counts[source] += 1;
    core.discards.add(record);
    const value = decoded(encoded);
    if ('cause' in value) {
      const what = kind === 'value' ? 'its result' : 'what it threw';
      const why = `${aboutTask(record)}: ${what} could not be decoded: ${describe(value.cause)}`;
      core.settlement.fail(
        record,
        new SerializationError(why, { side: kind === 'value' ? 'result' : 'error', cause: value.cause }),
        outcome,
      );
    } else if (kind === 'value') core.settlement.succeed(record, value.value, outcome);
    else if (kind === 'thrown') core.settlement.fail(record, value.value, outcome, true);
    else this.#onError(record, outcome, restoreError(value.value));
  }

  /** An error of the pool or the host. */
  #onError(record: ClientTask, outcome: WiredOutcome, error: unknown): void {
    const { settlement } = this.#core;
    const hasDied = error instanceof WorkerDiedError;
    if (record.ending !== undefined && (hasDied || outcome.kind === 'cancelled')) {
      settlement.end(record, hasDied || (error instanceof TaskCancelledError && error.forced), outcome);
    } else if (outcome.kind === 'cancelled') settlement.endByOther(record, error, outcome);
    else settlement.fail(record, error, outcome);
  }
}

/** The reason of whoever has ended a task; undefined if there is none, or it cannot be read. */
function reasonOf(text: string): unknown {
  const encoded = fromText(text);
  const value = encoded === undefined ? undefined : decoded(encoded);
  return value !== undefined && 'value' in value ? value.value : undefined;
}

function decoded({ codec, body, attachments }: Encoded): { readonly value: unknown } | { readonly cause: unknown } {
  try {
    return { value: decode(codec, body ?? '', attachments) };
  } catch (cause) {
    return { cause };
  }
}
