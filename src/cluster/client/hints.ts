/**
 * The events of the store. Any of them may be lost, doubled, late or forged (C11), so an event
 * settles a task only with an outcome whose seal holds. Others are a reason to read the store.
 */
import { decode } from '../../ipc/codec/codec.js';
import type { StoreEvent } from '../store/types.js';
import { readEnd, readProgress } from '../wire/messages.js';
import { readOutcome, readReason } from '../wire/outcome.js';
import { fromText } from '../wire/text.js';
import type { ClientCore } from './client-core.js';
import type { ClientTask } from './task-record.js';

export class Hints {
  readonly #core: ClientCore;

  constructor(core: ClientCore) {
    this.#core = core;
  }

  onEvent(event: StoreEvent): void {
    if (event.kind === 'ended') {
      this.#onEnded(event.message);
      return;
    }
    const record = this.#core.pending.get(event.id);
    if (record === undefined) return;
    this.#core.settlement.apart(record, () => this.#onTaskEvent(record, event));
  }

  #onTaskEvent(record: ClientTask, event: Exclude<StoreEvent, { kind: 'ended' }>): void {
    if (event.kind === 'progress') this.#onProgress(record, event.message);
    else if (record.state === 'sending') this.#onEarly(record, event);
    else if (record.isStored) this.#onStep(record, event);
  }

  /** The task is in the store, but the call may have to be repeated: so it must not settle yet. */
  #onEarly(record: ClientTask, event: StoreEvent): void {
    if (event.kind === 'taken') this.#onTaken(record);
    record.early = event;
  }

  #onStep(record: ClientTask, event: Exclude<StoreEvent, { kind: 'ended' | 'progress' }>): void {
    const core = this.#core;
    switch (event.kind) {
      case 'taken':
        this.#onTaken(record);
        break;
      case 'queued':
        if (record.state !== 'stored') record.become('stored', core.story);
        break;
      case 'waiting':
        if (record.state !== 'waiting') record.become('waiting', core.story);
        break;
      case 'completed':
      case 'failed': {
        const { id } = record;
        const outcome = event.kind === 'completed' ? readOutcome(id, event.outcome, core.seals) : readReason(id, event.reason, core.seals);
        if (outcome === undefined) core.sweep.suspect(record);
        else core.outcomes.accept(record, outcome, 'byEvent');
        break;
      }
      case 'removed':
        core.sweep.suspect(record);
        break;
    }
  }

  #onTaken(record: ClientTask): void {
    const core = this.#core;
    if (record.isStored && record.state !== 'taken') record.become('taken', core.story);
    core.endings.onTaken(record);
  }

  #onEnded(message: unknown): void {
    const ended = readEnd('ended', message, this.#core.seals);
    const record = ended === undefined ? undefined : this.#core.pending.get(ended.id);
    if (record === undefined) return;
    record.endedBy ??= ended;
    if (record.isStored) this.#core.sweep.suspect(record);
  }

  /** In order: an attempt and a number in it that rise. */
  #onProgress(record: ClientTask, message: unknown): void {
    const { onProgress } = record.options;
    if (onProgress === undefined) return;
    const progress = readProgress(record.id, message, this.#core.seals);
    if (progress === undefined) return;
    const { attempt, count } = progress;
    if (attempt < record.attempt || (attempt === record.attempt && count <= record.count)) return;
    const encoded = fromText(progress.value);
    if (encoded === undefined) return;
    let value: unknown;
    try {
      value = decode(encoded.codec, encoded.body ?? '', encoded.attachments);
    } catch {
      return; // a hint that is not valid
    }
    record.attempt = attempt;
    record.count = count;
    this.#core.events.after(() => (record.isSettled ? undefined : onProgress(value)));
  }
}
