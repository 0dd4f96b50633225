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
 *       the queue of the pool         │
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
import { namedWork } from '../handles/submit.js';
import type { ResolvedMapOptions } from '../options/task-options.js';
import type { PoolContext } from '../pool-context.js';
import { type Caller, captureCaller } from '../task/submission-stack.js';
import type { NameStats } from '../task/task-durations.js';
import type { TaskRecord } from '../task/task-record.js';
import { Chunker, mayChunk } from './chunker.js';
import type { Source, ToArgs } from './input.js';
import { InputPump } from './input-pump.js';
import { Journal } from './journal.js';
import { type Outcome, rejected } from './outcome.js';
import { type Consumer, OutcomeBuffer, OutcomeRange } from './outcome-buffer.js';
import { ProgressMeter } from './progress.js';
import { SingleTasks } from './single-tasks.js';
import { batchCancelled, Failures, replaces, type Verdict } from './verdict.js';

/** Ends one task. */
type End = (record: TaskRecord) => Promise<void>;

/** One listener for each signal, however many batches share it. */
const signals = new AbortSignals<BatchRun>((run, reason) => run.abort(reason));
let lastId = 0;

export class BatchRun {
  readonly id: number = ++lastId;
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
  readonly #core: PoolContext;
  readonly #journal: Journal | undefined;
  readonly #singleTasks: SingleTasks;
  readonly #toArgs: ToArgs | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #caller: Caller;
  readonly #failures = new Failures();
  #stats: NameStats | undefined;
  /** Ends tasks that are submitted after the batch was ended. */
  #end: End | undefined;
  #isAdvanceDue = false;
  /**
   * The input is code of the program. It always runs in the context of the call that made the
   * batch.
   */
  readonly #pull: () => void = inContext(() => this.pump.pull());
  readonly #closeInput: () => Promise<void> = inContext(() => this.pump.close());

  constructor(
    core: PoolContext,
    name: string,
    source: Source,
    toArgs: ToArgs | undefined,
    options: ResolvedMapOptions,
    below: Parameters<typeof captureCaller>[0],
  ) {
    this.name = name;
    this.outcomes = new OutcomeBuffer(options.ordered);
    this.onError = options.onError;
    this.#core = core;
    // Before the pump, as this may throw, and the pump registers with the pool.
    this.meter = new ProgressMeter(core.clock, core.events, this);
    this.#caller = captureCaller(below);
    this.pump = new InputPump(core, source, options, this);
    this.#toArgs = toArgs;
    if (options.journal !== undefined) this.#journal = new Journal(core.journals, options.journal, name, options.resume, this);
    this.#signal = options.task.signal;
    const task = { ...options.task, signal: undefined }; // one listener for the batch, not one for each item
    this.#singleTasks = new SingleTasks(core, task, this.#journal, this);
    if (mayChunk(options)) this.chunker = new Chunker(core, task, options.chunkSize, toArgs !== undefined, this);
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
    this.#core.clock.soon(() => this.#advance());
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
    this.#endAll((record) => this.#core.cancellation.cancel(record, reason)).catch(ignore); // nobody waits for that
  }

  /**
   * Results that cannot be recorded must not be computed: nothing more starts, and what runs is
   * cancelled.
   */
  #stopIfJournalFailed(): void {
    const error = this.#journal?.error;
    if (error === undefined || !replaces('journal', this.verdict)) return;
    void this.#stop({ cause: 'journal', error: () => error, isPrompt: false });
    this.#endAll((record) => this.#core.cancellation.cancel(record, error)).catch(ignore); // nobody waits for that
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
        const work = namedWork(this.#core, this.name);
        if (work instanceof Error) throw work;
        this.#stats = work.stats;
        chunker?.chooseSize(work.stats);
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
    this.#singleTasks.submit(index, this.#stats as NameStats, this.#toArgs === undefined ? [item] : (item as readonly unknown[]));
  }

  onSubmitted(record: TaskRecord): void {
    record.caller = this.#caller;
    this.#end?.(record).catch(ignore);
  }

  /**
   * The pool takes no more tasks, and the input had more. What is in flight settles without help.
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
    const { cancellation, waiters } = this.#core;
    return waiters.hold(this.#endAll((record) => cancellation[how](record, reason)));
  }

  /** The signal fired: as `cancel`, but everything rejects with the signal's own reason. */
  abort(reason: unknown): void {
    void this.#stop({ cause: 'cancel', error: () => reason, isPrompt: false });
    const { cancellation, settlement } = this.#core;
    this.#endAll((record) => {
      cancellation.abort(record, reason);
      return settlement.whenOver(record);
    }).catch(ignore); // a process that outlives the kill ladder is reported by cancel and kill
  }

  /** The iteration was left. Resolves when nothing of the batch runs, and its input has closed. */
  async leave(): Promise<void> {
    this.outcomes.close();
    if (this.isOver) return;
    const closed = this.#stop({ cause: 'left', error: () => undefined, isPrompt: true });
    const reason = new Error('the iteration over its batch was left');
    const { cancellation, waiters } = this.#core;
    await waiters.hold(this.#endAll((record) => cancellation.cancel(record, reason)));
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
  async #endAll(end: End): Promise<void> {
    this.#end = end;
    this.schedule();
    this.chunker?.flush();
    const records = this.#records();
    records.sort((a, b) => Number(a.lease !== undefined) - Number(b.lease !== undefined));
    await Promise.all(records.map(end));
  }

  /** The number of its tasks that run now, for the progress. */
  get running(): number {
    return this.#records().filter((record) => record.lease?.holder?.hasStarted(record.lease) === true).length;
  }

  #records(): TaskRecord[] {
    return [...this.#singleTasks.records(), ...(this.chunker?.records() ?? [])];
  }
}
