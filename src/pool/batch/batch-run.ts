/**
 * The engine of a batch: pulls items as far ahead as it may, submits each as a task, and keeps the
 * outcomes until they are taken. It retains what is in flight and what is not taken, nothing else (G12).
 *
 *   input → pull → submit → (the pool) → outlet → consumer
 *
 * What settles a task may be in the middle of a decision about others (a death that closes many leases,
 * a pool that breaks). So a settlement is only noted here; the batch draws its conclusions afterwards, in
 * a microtask, in `#advance` and nowhere else. A microtask is soon enough for G6: dispatch comes later.
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
import type { Source } from './input.js';
import { InputPump } from './input-pump.js';
import { batchCancelled, type Consumer, Failures, type ToArgs, type Verdict } from './item.js';
import { Journal } from './journal.js';
import { type Outcome, rejected } from './outcome.js';
import { OutcomeBuffer, OutcomeRange } from './outcome-buffer.js';
import { ProgressMeter } from './progress.js';
import { SingleTasks } from './single-tasks.js';

/** How what is left is ended. */
type End = (record: TaskRecord) => Promise<void>;

/** One listener for each signal, however many batches share it. */
const signals = new AbortSignals<BatchRun>((run, reason) => run.abort(reason));
let lastId = 0;

export class BatchRun {
  readonly id: number = ++lastId;
  readonly name: string;
  readonly meter: ProgressMeter;
  readonly outcomes: OutcomeBuffer;
  onError: 'stop' | 'continue';
  verdict: Verdict | undefined;
  consumer: Consumer | undefined;
  /** Called when it is over. */
  onOver: (() => void) | undefined;
  readonly #core: PoolContext;
  readonly #pump: InputPump;
  readonly #journal: Journal | undefined;
  readonly #singleTasks: SingleTasks;
  readonly #chunker: Chunker | undefined;
  readonly #toArgs: ToArgs | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #caller: Caller;
  readonly #failures = new Failures();
  /** What happens to a record that is still there, or comes, after the batch was ended. */
  #end: End | undefined;
  #isDue = false;
  #isOver = false;
  /** The input is code of the program, and goes on as the call that made the batch, whatever has made it go on. */
  readonly #pull: () => void = inContext(() => this.#pump.pull());
  readonly #closeInput: () => Promise<void> = inContext(() => this.#pump.close());

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
    // What may throw comes before the puller: from then on it is heard of.
    this.meter = new ProgressMeter(core.clock, core.events, this);
    this.#caller = captureCaller(below);
    this.#pump = new InputPump(core, source, options, this);
    this.#toArgs = toArgs;
    if (options.journal !== undefined) this.#journal = new Journal(core.journals, options.journal, name, options.resume, this);
    this.#signal = options.task.signal;
    const task = { ...options.task, signal: undefined }; // one listener for the batch, not one for each item
    this.#singleTasks = new SingleTasks(core, task, this.#journal, this);
    if (mayChunk(options)) this.#chunker = new Chunker(core, task, options.chunkSize, toArgs !== undefined, this);
    if (this.#signal !== undefined) signals.watch(this.#signal, this);
    this.#pull();
    this.schedule();
  }

  /** Everything in flight has settled, and nothing more comes. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The consumer has taken so many outcomes: that many more may be pulled. */
  free(count: number): void {
    if (this.#pump.free(count)) this.schedule();
  }

  /** The first consumer decides how the batch is consumed. */
  attach(consumer: Consumer): void {
    this.consumer = consumer;
    consumer.consume();
  }

  // ---- after a change

  schedule(): void {
    if (this.#isDue || this.#isOver) return;
    this.#isDue = true;
    this.#core.clock.soon(() => this.#advance());
  }

  #advance(): void {
    this.#isDue = false;
    if (this.#isOver) return;
    this.#concludeJournal();
    this.#conclude();
    this.consumer?.consume();
    this.#pull();
    if (this.#hasNews || !this.#pump.isSpent || !this.#singleTasks.isEmpty || this.#chunker?.isEmpty === false) return;
    if (this.#journal?.isOpening === true) return; // who opens the same file after this batch must find it closed
    if (this.verdict === undefined) this.#journal?.checkTotal(this.total);
    this.#concludeJournal();
    this.#isOver = true;
    this.#pump.stop();
    this.#journal?.close();
    if (this.#signal !== undefined) signals.unwatch(this.#signal, this);
    this.meter.end();
    this.consumer?.consume();
    this.onOver?.();
  }

  /** A failure that `#conclude` has not looked at: until then nothing more is pulled. */
  get #hasNews(): boolean {
    const { verdict } = this;
    if (this.#pump.error !== undefined && verdict === undefined) return true;
    return this.#failures.first !== undefined && this.onError === 'stop' && (verdict === undefined || verdict.cause === 'refused');
  }

  #conclude(): void {
    if (!this.#hasNews) return;
    const stops = this.onError === 'stop';
    const isItem = this.#failures.first !== undefined && stops;
    const { error } = (isItem ? this.#failures.first : this.#pump.error) as { error: unknown };
    this.verdict = { cause: isItem ? 'item' : 'input', error: () => error, isPrompt: stops };
    if (!stops) return;
    this.#closeInput().catch(ignore);
    const reason = new Error(isItem ? 'another item of its batch failed' : 'the input of its batch failed', { cause: error });
    this.#endRest((record) => this.#core.cancellation.cancel(record, reason)).catch(ignore); // nobody asked to be told
  }

  /** Nothing more is begun, and what runs is ended: what cannot be written down must not be done. */
  #concludeJournal(): void {
    const error = this.#journal?.error;
    if (error === undefined || this.verdict?.cause === 'journal' || this.verdict?.isPrompt === true) return;
    this.verdict = { cause: 'journal', error: () => error, isPrompt: false };
    this.#closeInput().catch(ignore);
    this.#endRest((record) => this.#core.cancellation.cancel(record, error)).catch(ignore); // nobody asked to be told
  }

  // ---- submitting

  wantsMore(): boolean {
    return this.verdict === undefined && !this.#hasNews && this.#journal?.isOpen !== false;
  }

  onItem(index: number, value: unknown): void {
    const chunker = this.#chunker;
    let item = value;
    try {
      // What goes with others is asked about with the first of them.
      if (this.gathered === 0) {
        const work = namedWork(this.#core, this.name);
        if (work instanceof Error) throw work;
        this.#stats = work.stats;
        this.chunkSize = chunker?.size(work.stats) ?? 1;
      }
      if (this.#toArgs !== undefined) item = this.#toArgs(value);
    } catch (error) {
      this.onItemsSettled(rejected(index, error));
      return;
    }
    if (chunker !== undefined && this.chunkSize > 1) chunker.add(index, item);
    else this.alone(index, item);
  }

  /** One that goes by itself; `item` are its arguments, if there is a `#toArgs`. */
  alone(index: number, item: unknown): void {
    this.#singleTasks.submit(index, this.#stats as NameStats, this.#toArgs === undefined ? [item] : (item as readonly unknown[]));
  }

  // ---- chunks

  chunkSize = 1;
  #stats: NameStats | undefined;

  get gathered(): number {
    return this.#chunker?.gathered ?? 0;
  }

  get left(): number | undefined {
    return this.#pump.left;
  }

  onPause(): void {
    this.#chunker?.flush();
  }

  onSubmitted(record: TaskRecord): void {
    record.caller = this.#caller;
    this.#end?.(record).catch(ignore);
  }

  /** The pool takes no more tasks, and there was more to come. What is in flight settles by itself. */
  onRefused(error: unknown): void {
    this.verdict = { cause: 'refused', error: () => error, isPrompt: false };
    this.#closeInput().catch(ignore); // it has failed: what its input says to that is no news
  }

  // ---- settling

  /** Of one item, or of the neighbours that a chunk has told. Called in the middle of a settlement: only notes it. */
  onItemsSettled(settled: Outcome | OutcomeRange): void {
    const failed = this.#failures.add(settled);
    this.outcomes.put(settled);
    this.meter.count(settled instanceof OutcomeRange ? settled.length : 1, failed);
    this.schedule();
  }

  // ---- ending: this batch and no other (G5)

  /** Resolves when it runs nowhere. */
  end(how: 'cancel' | 'kill', reason: unknown): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#judge(() => batchCancelled(this, this.meter.done, reason, this.#failures.isForced));
    const { cancellation, waiters } = this.#core;
    return waiters.hold(this.#endRest((record) => cancellation[how](record, reason)));
  }

  /** Its signal fired: as `cancel`, but everything rejects with the signal's own reason. */
  abort(reason: unknown): void {
    this.#judge(() => reason);
    const { cancellation, settlement } = this.#core;
    this.#endRest((record) => {
      cancellation.abort(record, reason);
      return settlement.whenOver(record);
    }).catch(ignore); // what outlives the kill ladder is told to those who call cancel or kill
  }

  /** Its iteration was left: resolves when nothing of it runs, and its input has closed. */
  async leave(): Promise<void> {
    this.outcomes.close();
    if (this.#isOver) return;
    const hadFailed = this.verdict !== undefined;
    this.verdict ??= { cause: 'left', error: () => undefined, isPrompt: true };
    const closed = this.#closeInput();
    closed.catch(ignore); // waited for below, unless it has failed already: then what its input says is no news
    const reason = new Error('the iteration over its batch was left');
    const { cancellation, waiters } = this.#core;
    await waiters.hold(this.#endRest((record) => cancellation.cancel(record, reason)));
    if (!hadFailed) await closed;
  }

  /** A failure that was reported at once stays; one that waits for the rest gives way. */
  #judge(error: () => unknown): void {
    const { cause, isPrompt } = this.verdict ?? {};
    if (isPrompt !== true && cause !== 'cancel' && cause !== 'journal') this.verdict = { cause: 'cancel', error, isPrompt: false };
    this.#closeInput().catch(ignore);
  }

  /** The queued ones first: none of them may take the place of one that is ended. */
  async #endRest(end: End): Promise<void> {
    this.#end = end;
    this.schedule();
    this.#chunker?.flush();
    const records = this.#records();
    records.sort((a, b) => Number(a.lease !== undefined) - Number(b.lease !== undefined));
    await Promise.all(records.map(end));
  }

  // ---- what the meter shows

  get total(): number | undefined {
    return this.#pump.total;
  }

  get running(): number {
    return this.#records().filter((record) => record.lease?.holder?.hasStarted(record.lease) === true).length;
  }

  #records(): TaskRecord[] {
    return [...this.#singleTasks.records(), ...(this.#chunker?.records() ?? [])];
  }
}
