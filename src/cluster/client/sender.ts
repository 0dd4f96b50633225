/**
 * Adds tasks to the store: everything that was submitted in one go with one call, in order.
 *
 * One call is under way at a time. It is repeated with the same ids until it is answered, and a
 * task that is there already is left alone, so a lost answer adds nothing twice. After a refusal
 * the tasks go one by one, and those that are refused fail: one bad task must not hold up others.
 */
import type { NewTask } from '../store/types.js';
import type { TaskData } from '../wire/task.js';
import type { ClientCore } from './client-core.js';
import { addedByOthers, adopt } from './kept-items.js';
import { refusedError } from './messages.js';
import type { ClientTask } from './task-record.js';

const MOST_TASKS = 500;
const MOST_BYTES = 4_194_304;
const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 1000;

export class Sender {
  readonly #core: ClientCore;
  /** Those that have settled meanwhile are skipped. */
  #buffer: ClientTask[] = [];
  #next = 0;
  #isRunning = false;

  constructor(core: ClientCore) {
    this.#core = core;
  }

  /** Everything was sent, and the store has answered. */
  get isIdle(): boolean {
    return !this.#isRunning;
  }

  /** @param record a buffered task */
  add(record: ClientTask): void {
    this.#buffer.push(record);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#core.clock.soon(() => this.#core.run('the sending of tasks', () => this.#run()));
  }

  async #run(): Promise<void> {
    for (let records = this.#takeSome(); records.length > 0; records = this.#takeSome()) await this.#send(records);
    this.#isRunning = false;
    this.#core.waiters.check();
  }

  #takeSome(): ClientTask[] {
    const records: ClientTask[] = [];
    let bytes = 0;
    for (; this.#next < this.#buffer.length && records.length < MOST_TASKS; this.#next += 1) {
      const record = this.#buffer[this.#next] as ClientTask;
      if (record.isSettled) continue;
      bytes += record.bytes;
      if (records.length > 0 && bytes > MOST_BYTES) break;
      record.become('sending', this.#core.story);
      records.push(record);
    }
    if (this.#next >= this.#buffer.length || 2 * this.#next > this.#buffer.length) {
      this.#buffer = this.#buffer.slice(this.#next);
      this.#next = 0;
    }
    return records;
  }

  async #send(given: readonly ClientTask[]): Promise<void> {
    const core = this.#core;
    let records = given;
    for (let delay = FIRST_DELAY_MS; records.length > 0; delay = Math.min(2 * delay, LONGEST_DELAY_MS)) {
      const tasks = records.map(toNewTask);
      try {
        await core.askOnce(() => core.store.add(tasks));
        const others = await addedByOthers(core, records, tasks);
        for (const [at, record] of records.entries())
          if (!others.includes(record)) core.settlement.apart(record, () => this.#onStored(record, tasks[at]));
        if (others.length > 0) await adopt(core, others, (record) => this.#onStored(record, undefined));
        return;
      } catch (error) {
        if (core.state === 'closed') throw error;
        if (core.isRefusal(error)) {
          await this.#onRefused(records, tasks, error);
          return;
        }
      }
      await core.pause(delay);
      records = this.#stillWanted(records, tasks);
    }
  }

  async #onRefused(records: readonly ClientTask[], tasks: readonly NewTask[], error: unknown): Promise<void> {
    const core = this.#core;
    const [record] = records;
    if (record !== undefined && records.length === 1) {
      if (record.ending !== undefined) core.settlement.end(record, false);
      else core.settlement.fail(record, refusedError(record, error));
      return;
    }
    for (const [at, each] of records.entries()) await this.#send(this.#stillWanted([each], tasks.slice(at, at + 1)));
  }

  /** The answer may be lost: what is not wanted any more may be in the store. */
  #stillWanted(records: readonly ClientTask[], tasks: readonly NewTask[]): ClientTask[] {
    return records.filter((record, at) => {
      if (!record.isSettled && record.ending === undefined) return true;
      this.#core.settlement.apart(record, () => this.#onStored(record, tasks[at]));
      return false;
    });
  }

  /** The store has it, or may have it. */
  #onStored(record: ClientTask, task: NewTask | undefined): void {
    const core = this.#core;
    if (record.isSettled) {
      core.endings.removeLater(record, task?.data.head);
      return;
    }
    record.data = undefined;
    core.sweep.watch(record);
    const { early } = record;
    record.early = undefined;
    if (early !== undefined) core.hints.onEvent(early);
    core.endings.proceed(record);
  }
}

function toNewTask({ id, name, data, options, retries }: ClientTask): NewTask {
  return { id, name: forDashboards(name), data: data as TaskData, priority: options.priority, retries };
}

/** PostgreSQL takes neither a NUL nor half of a character. */
function forDashboards(name: string): string {
  return name.replace(/\p{Cc}|\p{Cs}/gu, '\ufffd').slice(0, 200);
}
