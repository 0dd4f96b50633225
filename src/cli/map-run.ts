/** One run of `everpool map`, from the items to the exit code. */
import type { BatchOutcome } from '../pool/batch/batch.js';
import type { AnyBatch } from '../pool/executor.js';
import type { Place } from './connect.js';
import { EXIT, exitCodeOf, SIGNALS, say, UsageError } from './exit.js';
import { checkFiles } from './files.js';
import { type Halt, isReached } from './halt.js';
import { type InputFormat, readItems } from './input.js';
import type { Limit } from './limits.js';
import { ClusterTarget, type MapTarget, PoolTarget } from './map-target.js';
import { lineOf, Output } from './output.js';
import { progressView } from './progress.js';

export interface MapRunOptions {
  /** Of the cluster that runs the items; undefined: a pool of this process does. */
  readonly place: Place | undefined;
  /** Of the batch in the cluster, so that another run can go on with it. */
  readonly id: string | undefined;
  /** A URL. */
  readonly module: string;
  readonly task: string;
  readonly in: string | undefined;
  readonly args: readonly string[] | undefined;
  readonly format: InputFormat | undefined;
  readonly out: string | undefined;
  readonly size: number | undefined;
  readonly retries: number | undefined;
  readonly timeout: Limit | undefined;
  readonly journal: string | undefined;
  readonly resume: 'failed' | undefined;
  readonly tag: string | undefined;
  readonly ordered: boolean;
  readonly stopsOnError: boolean;
  readonly halt: Halt | undefined;
  readonly joblog: string | undefined;
  readonly isSpread: boolean;
  readonly isStrict: boolean;
  readonly isDry: boolean;
  readonly isQuiet: boolean;
}

/** Resolves with the exit code. @throws UsageError before anything is written */
export async function runMap(options: MapRunOptions): Promise<number> {
  const { joblog, journal } = options;
  const module = options.place === undefined ? options.module : undefined;
  const input = options.args === undefined ? (options.in ?? '-') : undefined;
  // A dry run writes only to stdout.
  checkFiles(
    options.isDry
      ? { module, in: input, out: undefined, joblog: undefined, journal: undefined }
      : { module, in: input, out: options.out, joblog, journal },
  );
  const run = new MapRun(options);
  const onSignal = (signal: NodeJS.Signals): void => run.onSignal(signal);
  // Until the very end: a signal while the pool closes must not leave half a line behind.
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.stderr.on('error', () => undefined); // its reader has left: the results still count
  try {
    const code = options.isDry ? await run.show() : await run.run();
    if (run.isKilled) process.exit(code); // unread lines would keep the process alive
    return code;
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  }
}

class MapRun {
  readonly #options: MapRunOptions;
  readonly #output: Output;
  readonly #joblog: Output | undefined;
  /** Ends the input. */
  readonly #inputEnd = new AbortController();
  #hasGivenUp = false;
  #malformed = 0;
  #done = 0;
  #failed = 0;
  /** The first signal, and the number of signals. */
  #signal: NodeJS.Signals | undefined;
  #signals = 0;
  #usageError: UsageError | undefined;
  #target: MapTarget | undefined;
  #batch: AnyBatch<unknown> | undefined;

  constructor(options: MapRunOptions) {
    this.#options = options;
    this.#output = new Output(options.isDry ? undefined : options.out);
    this.#joblog = options.joblog === undefined ? undefined : new Output(options.joblog);
  }

  /** By a second signal. */
  get isKilled(): boolean {
    return this.#signals > 1;
  }

  /** The items go on without this run. */
  get #hasLeft(): boolean {
    return this.#signals > 0 && this.#target?.isLeftBehind === true;
  }

  async show(): Promise<number> {
    for await (const list of this.#argumentLists()) {
      const { task } = this.#options;
      await this.#output.write(`${task}(${list.map((each) => JSON.stringify(each)).join(', ')})`);
    }
    await this.#output.end();
    if (this.#output.error !== undefined) this.#giveUp(this.#output.error);
    return this.#exitCode();
  }

  async run(): Promise<number> {
    const target = await this.#open();
    this.#target = target;
    try {
      await this.#check(target);
      if (this.#signal === undefined) {
        await this.#map(target);
        // A run without a result leaves an empty output; wrong usage leaves the file unchanged.
        if (this.#usageError === undefined) await this.#endOutputs();
      }
    } finally {
      if (this.#done > 0) await this.#endOutputs();
      await (this.isKilled || this.#hasLeft || this.#output.error !== undefined ? target.kill() : target.close());
    }
    return this.#exitCode();
  }

  #open(): MapTarget | Promise<MapTarget> {
    const { place, id, module, size, timeout } = this.#options;
    if (place !== undefined) return ClusterTarget.open(place, id);
    return new PoolTarget(module, size, timeout !== undefined && 'percent' in timeout ? timeout.percent : undefined);
  }

  async #check(target: MapTarget): Promise<void> {
    try {
      await target.check(this.#options.task);
    } catch (error) {
      if (this.#signal === undefined) throw error; // otherwise the signal has ended it
    }
  }

  async #endOutputs(): Promise<void> {
    await Promise.all([this.#output.end(), this.#joblog?.end()]);
    if (this.#writeError !== undefined) this.#giveUp(this.#writeError);
  }

  async #map(target: MapTarget): Promise<void> {
    const { task, retries, timeout, journal, resume, tag, ordered, isQuiet } = this.#options;
    const view = progressView(isQuiet);
    try {
      const batch = target.map(task, this.#argumentLists(), {
        ordered,
        retries,
        journal,
        resume,
        tag,
        timeoutMs: timeout !== undefined && 'ms' in timeout ? timeout.ms : undefined,
      });
      this.#batch = batch;
      batch.onProgress((progress) => view.show(progress));
      for await (const outcome of batch.outcomes()) {
        if (this.#hasLeft) break;
        await this.#take(outcome);
      }
    } catch (error) {
      if (!this.isKilled && !this.#hasLeft) throw error; // otherwise the signal has ended the batch
    } finally {
      view.end(this.#batch?.progress);
      this.#inputEnd.abort();
    }
  }

  async *#argumentLists(): AsyncGenerator<unknown[]> {
    for await (const item of this.#items()) {
      const list = this.#spread(item);
      if (list === undefined) return;
      yield list;
    }
  }

  #spread(item: unknown): unknown[] | undefined {
    if (!this.#options.isSpread) return [item];
    if (Array.isArray(item)) return item;
    this.#onUsageError(new UsageError(`--spread: expected each item to be an array of arguments, got ${JSON.stringify(item)}`));
    return undefined;
  }

  async *#items(): AsyncGenerator<unknown> {
    const { in: file, args, format, isStrict } = this.#options;
    const { signal } = this.#inputEnd;
    const onMalformed = (line: number, why: string): void => {
      this.#malformed += 1;
      say(`line ${line} of the input cannot be read: ${why}`);
      if (isStrict) this.#inputEnd.abort();
    };
    try {
      for await (const item of readItems({ in: file, args, format, signal, onMalformed })) {
        if (signal.aborted) return;
        yield item;
      }
    } catch (error) {
      if (error instanceof UsageError) this.#onUsageError(error);
      else this.#onUsageError(new UsageError(`the input cannot be read: ${(error as Error).message}`, { cause: error }));
    }
  }

  #onUsageError(error: UsageError): void {
    this.#usageError ??= error;
    say(error.message);
    this.#inputEnd.abort();
  }

  async #take(outcome: BatchOutcome<unknown>): Promise<void> {
    this.#done += 1;
    if (outcome.status === 'rejected') {
      this.#failed += 1;
      this.#target?.explain(outcome);
    }
    const { index, attempts, ms, status } = outcome;
    await this.#output.write(lineOf(outcome));
    if (this.#done === 1) await this.#joblog?.write('index\tattempts\tms\tok');
    await this.#joblog?.write(`${index}\t${attempts}\t${ms.toFixed(3)}\t${status === 'fulfilled'}`);
    if (this.#writeError !== undefined) this.#giveUp(this.#writeError);
    const { halt, stopsOnError } = this.#options;
    const isEnding = this.#inputEnd.signal.aborted;
    if (stopsOnError && this.#failed > 0) this.#inputEnd.abort();
    if (halt === undefined || isEnding || !isReached(halt, this.#done, this.#failed)) return;
    this.#inputEnd.abort();
    say(`halt: ${this.#done} done, ${this.#failed} failed`);
    if (halt.how === 'now') this.#batch?.kill('--halt').catch(() => undefined);
  }

  get #writeError(): NodeJS.ErrnoException | undefined {
    return this.#output.error ?? this.#joblog?.error;
  }

  /** Reports why the output failed, except for a closed pipe. */
  #giveUp(error: NodeJS.ErrnoException): void {
    if (this.#hasGivenUp) return;
    this.#hasGivenUp = true;
    if (error.code !== 'EPIPE') say(`the output cannot be written: ${error.message}`);
    this.#inputEnd.abort();
    if (this.#target?.isLeftBehind === true) this.#target.kill().catch(() => undefined);
    else this.#batch?.kill('the output has failed').catch(() => undefined);
  }

  /**
   * The first lets running items finish, or leaves them. The second kills them, and abandons
   * unwritten output.
   */
  onSignal(signal: NodeJS.Signals): void {
    this.#signals += 1;
    this.#signal ??= signal;
    if (this.#signals === 1 && this.#hasLeft) {
      say('interrupted: the hosts go on; the same command again writes all results');
      this.#target?.kill().catch(() => undefined);
      this.#inputEnd.abort();
      return;
    }
    this.#inputEnd.abort();
    if (this.#signals === 1) {
      say('interrupted: finishing what runs; interrupt again to kill it');
      if (this.#batch === undefined) this.#target?.kill().catch(() => undefined); // still booting: nothing runs
      return;
    }
    this.#output.abandon();
    this.#joblog?.abandon();
    this.#target?.kill().catch(() => undefined);
  }

  #exitCode(): number {
    if (this.#signal !== undefined) return exitCodeOf(this.#signal);
    if (this.#usageError !== undefined) return EXIT.usage;
    return this.#failed + this.#malformed > 0 || this.#writeError !== undefined ? EXIT.failed : EXIT.ok;
  }
}
