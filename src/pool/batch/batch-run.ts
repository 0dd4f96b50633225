/**
 * The engine of a batch. It reads items as far ahead as the buffer allows, submits each as a task,
 * alone or in a chunk, and keeps the outcomes until the consumer takes them:
 *
 *   the iterator of the program          input.ts
 *        │ ask
 *        ▼
 *    InputPump ◄──────── free ────────┐  input-pump.ts: how far ahead to read, and when
 *        │ onItem                     │
 *        ▼                            │
 *     BatchRun                        │
 *        ├───────────────┐            │
 *        ▼               ▼            │
 *   SingleTasks       Chunker         │  one task per item (with a journal or not), or per chunk
 *        │ submit        │ submit     │
 *        ▼               ▼            │
 *    Submitter                        │  pool-submitter.ts: the queue of a pool
 *        │ onItemsSettled             │
 *        ▼                            │
 *   OutcomeBuffer ──── take ────► consumer  collectors.ts, iterators.ts
 *
 * Its states:
 *
 *   open ──► stopping ──► over     stopping: there is a verdict (verdict.ts), nothing more is read
 *     └──────────────────►         over: every task has settled
 *
 * A batch retains what is in flight and what is not taken, nothing else (G12).
 *
 * A task may settle in the middle of a decision about others (a death that closes many leases, a
 * pool that breaks). So a settlement is only recorded here. The batch acts on it afterwards, in a
 * microtask, in `#advance` and nowhere else. A microtask is soon enough for G6, because dispatch
 * comes later.
 */
import { ignore } from '../../shared/ignore.js';
import { inContext } from '../../shared/program.js';
import { AbortSignals } from '../abort-signals.js';
import type { ResolvedMapOptions } from '../options/task-options.js';
import type { Chunker } from './chunker.js';
import type { Source, ToArgs } from './input.js';
import { InputPump } from './input-pump.js';
import { Journal } from './journal.js';
import type { JournalStore } from './journal-store.js';
import { type Outcome, rejected } from './outcome.js';
import { type Consumer, OutcomeBuffer, OutcomeRange } from './outcome-buffer.js';
import { ProgressMeter } from './progress.js';
import { SingleTasks } from './single-tasks.js';
import type { BatchTask, EndKind, Submitter } from './submitter.js';
import { batchCancelled, Failures, replaces, type Verdict } from './verdict.js';

/** One listener for each signal, however many batches share it. */
const signals = new AbortSignals<BatchRun>((run, reason) => run.abort(reason));

export class BatchRun {
  readonly id: number | string;
  readonly name: string;
  readonly meter: ProgressMeter;
  readonly outcomes: OutcomeBuffer;
  readonly pump: InputPump;
  readonly chunker: Chunker | undefined;
  onError: 'stop' | 'continue';
  verdict: Verdict | undefined;
  consumer: Consumer | undefined;
  /** The callback for the end of the batch. */
  onOver: (() => void) | undefined;
  #state: 'open' | 'stopping' | 'over' = 'open';
  readonly #submitter: Submitter;
  readonly #journal: Journal | undefined;
  readonly #singleTasks: SingleTasks;
  readonly #toArgs: ToArgs | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #failures = new Failures();
  /** How to end tasks that are submitted after the batch was ended. */
  #ending: { readonly how: EndKind; readonly reason: unknown } | undefined;
  #isAdvanceDue = false;
  /**
   * The input is code of the program. It always runs in the context of the call that made the
   * batch.
   */
  readonly #pull: () => void = inContext(() => this.pump.pull());
  readonly #closeInput: () => Promise<void> = inContext(() => this.pump.close());

  constructor(submitter: Submitter, source: Source, toArgs: ToArgs | undefined, options: ResolvedMapOptions) {
    this.id = submitter.id;
    this.name = submitter.name;
    this.outcomes = new OutcomeBuffer(options.ordered);
    this.onError = options.onError;
    this.#submitter = submitter;
    // Before the pump, as this may throw, and the pump registers with the submitter.
    this.meter = new ProgressMeter(submitter, this);
    this.pump = new InputPump(submitter, source, options.bufferSize, this);
    this.#toArgs = toArgs;
    const { journal, resume } = options;
    if (journal !== undefined) this.#journal = new Journal(submitter.journals as JournalStore, journal, this.name, resume, this);
    this.#signal = options.task.signal;
    const task = { ...options.task, signal: undefined }; // one listener for the batch, not one for each item
    this.#singleTasks = new SingleTasks(submitter, task, this.#journal, this);
    this.chunker = submitter.chunker?.({ ...options, task }, toArgs !== undefined, this);
    if (this.#signal !== undefined) signals.watch(this.#signal, this);
    this.#pull();
    this.schedule();
  }

  get state(): 'open' | 'stopping' | 'over' {
    return this.#state;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** The consumer has taken `count` outcomes, so as many more items may be read. */
  free(count: number): void {
    if (this.pump.free(count)) this.schedule();
  }

  /** The first consumer decides how the batch is consumed. */
  attach(consumer: Consumer): void {
    this.consumer = consumer;
    consumer.consume();
  }

  // ---- after a change

  schedule(): void {
    if (this.#isAdvanceDue || this.isOver) return;
    this.#isAdvanceDue = true;
    this.#submitter.clock.soon(() => this.#advance());
  }

  #advance(): void {
    this.#isAdvanceDue = false;
    if (this.isOver) return;
    this.#stopIfJournalFailed();
    this.#stopIfFailed();
    this.consumer?.consume();
    this.#pull();
    if (this.#failure !== undefined || !this.pump.isSpent || !this.#singleTasks.isEmpty || this.chunker?.isEmpty === false) return;
    if (this.#journal?.isOpening === true) return; // whoever opens the file after this batch must find it closed
    if (this.verdict === undefined) this.#journal?.checkTotal(this.pump.total);
    this.#stopIfJournalFailed();
    this.#state = 'over';
    this.pump.stop();
    this.#journal?.close();
    if (this.#signal !== undefined) signals.unwatch(this.#signal, this);
    this.meter.end();
    this.consumer?.consume();
    this.onOver?.();
  }

  /** A failure on which the batch has not acted. Nothing more is read until it has. */
  get #failure(): { readonly cause: 'item' | 'input'; readonly error: unknown } | undefined {
    const { first } = this.#failures;
    if (first !== undefined && this.onError === 'stop' && replaces('item', this.verdict)) return { cause: 'item', error: first.error };
    const { error } = this.pump;
    return error === undefined || this.verdict !== undefined ? undefined : { cause: 'input', error: error.error };
  }

  #stopIfFailed(): void {
    const failure = this.#failure;
    if (failure === undefined) return;
    const { cause, error } = failure;
    const isPrompt = this.onError === 'stop';
    void this.#stop({ cause, error: () => error, isPrompt });
    if (!isPrompt) return;
    const reason = new Error(cause === 'item' ? 'another item of its batch failed' : 'the input of its batch failed', { cause: error });
    this.#endAll('cancel', reason).catch(ignore); // nobody waits for that
  }

  /**
   * Results that cannot be recorded must not be computed: nothing more starts, and what runs is
   * cancelled.
   */
  #stopIfJournalFailed(): void {
    const error = this.#journal?.error;
    if (error === undefined || !replaces('journal', this.verdict)) return;
    void this.#stop({ cause: 'journal', error: () => error, isPrompt: false });
    this.#endAll('cancel', error).catch(ignore); // nobody waits for that
  }

  // ---- submitting

  wantsMore(): boolean {
    return this.verdict === undefined && this.#failure === undefined && this.#journal?.isOpen !== false;
  }

  onItem(index: number, value: unknown): void {
    const { chunker } = this;
    let item = value;
    try {
      // Looked up once for all items of a chunk.
      if (chunker === undefined || chunker.gathered === 0) {
        const unknown = this.#submitter.unknownName();
        if (unknown !== undefined) throw unknown;
        chunker?.chooseSize();
      }
      if (this.#toArgs !== undefined) item = this.#toArgs(value);
    } catch (error) {
      this.onItemsSettled(rejected(index, error));
      return;
    }
    if (chunker !== undefined && chunker.size > 1) chunker.add(index, item);
    else this.submitAlone(index, item);
  }

  /** `item` is a list of arguments if there is a `#toArgs`, and else the only argument. */
  submitAlone(index: number, item: unknown): void {
    this.#singleTasks.submit(index, this.#toArgs === undefined ? [item] : (item as readonly unknown[]));
  }

  onSubmitted(task: BatchTask): void {
    if (this.#ending !== undefined) this.#submitter.end(task, this.#ending.how, this.#ending.reason).catch(ignore);
  }

  /**
   * No more tasks are taken, and the input had more. What is in flight settles without help.
   */
  onRefused(error: unknown): void {
    void this.#stop({ cause: 'refused', error: () => error, isPrompt: false });
  }

  // ---- settling

  /**
   * One item, or the neighbours that a chunk reported together. Called in the middle of a
   * settlement, so it only records.
   */
  onItemsSettled(settled: Outcome | OutcomeRange): void {
    const failed = this.#failures.add(settled);
    this.outcomes.put(settled);
    this.meter.count(settled instanceof OutcomeRange ? settled.length : 1, failed);
    this.schedule();
  }

  // ---- ending: this batch and no other (G5)

  /** Resolves when nothing of the batch runs anywhere. */
  end(how: 'cancel' | 'kill', reason: unknown): Promise<void> {
    if (this.isOver) return Promise.resolve();
    void this.#stop({
      cause: 'cancel',
      error: () => batchCancelled(this, this.meter.done, reason, this.#failures.isForced),
      isPrompt: false,
    });
    return this.#submitter.waiters.hold(this.#endAll(how, reason));
  }

  /** The signal fired: as `cancel`, but everything rejects with the signal's own reason. */
  abort(reason: unknown): void {
    void this.#stop({ cause: 'cancel', error: () => reason, isPrompt: false });
    this.#endAll('abort', reason).catch(ignore); // a process that outlives the kill ladder is reported by cancel and kill
  }

  /** The iteration was left. Resolves when nothing of the batch runs, and its input has closed. */
  async leave(): Promise<void> {
    this.outcomes.close();
    if (this.isOver) return;
    const closed = this.#stop({ cause: 'left', error: () => undefined, isPrompt: true });
    const reason = new Error('the iteration over its batch was left');
    await this.#submitter.waiters.hold(this.#endAll('cancel', reason));
    await closed;
  }

  /**
   * Unless an earlier verdict stands: nothing more is read. Resolves when the input has closed, or
   * rejects with its error.
   */
  #stop(verdict: Verdict): Promise<void> {
    if (this.isOver || !replaces(verdict.cause, this.verdict)) return Promise.resolve();
    this.#state = 'stopping';
    this.verdict = verdict;
    const closed = this.#closeInput();
    closed.catch(ignore); // only `leave` reports it: every other verdict has an error of its own
    return closed;
  }

  /** Queued tasks first, so that none of them takes the place of a running one that ends. */
  async #endAll(how: EndKind, reason: unknown): Promise<void> {
    this.#ending = { how, reason };
    this.schedule();
    this.chunker?.flush();
    const tasks = this.#tasks();
    tasks.sort((a, b) => Number(a.isWithWorker) - Number(b.isWithWorker));
    await Promise.all(tasks.map((task) => this.#submitter.end(task, how, reason)));
  }

  /** The number of its tasks that run now, for the progress. */
  get running(): number {
    return this.#tasks().filter(({ isRunning }) => isRunning).length;
  }

  #tasks(): BatchTask[] {
    return [...this.#singleTasks.tasks(), ...(this.chunker?.tasks() ?? [])];
  }
}
