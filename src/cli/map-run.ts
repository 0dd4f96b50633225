/** One run of `everpool map`, from its items to its exit code. */
import type { Batch, BatchOutcome } from '../pool/batch/batch.js';
import { coreOf, Pool } from '../pool/pool.js';
import { WorkerDiedError } from '../shared/errors.js';
import { EXIT, exitCodeOf, SIGNALS, say, UsageError } from './exit.js';
import { checkFiles } from './files.js';
import { type Halt, isReached } from './halt.js';
import { type InputFormat, readItems } from './input.js';
import { killSlow, type Limit } from './limits.js';
import { lineOf, Output } from './output.js';
import { progressView } from './progress.js';
import { WorkerOutput } from './worker-output.js';

export interface MapRunOptions {
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

/** @throws UsageError before anything is written */
export async function runMap(options: MapRunOptions): Promise<number> {
  const { module, joblog, journal } = options;
  const input = options.args === undefined ? (options.in ?? '-') : undefined;
  // A dry run writes to stdout alone.
  checkFiles(
    options.isDry
      ? { module, in: input, out: undefined, joblog: undefined, journal: undefined }
      : { module, in: input, out: options.out, joblog, journal },
  );
  const run = new MapRun(options);
  const onSignal = (signal: NodeJS.Signals): void => run.onSignal(signal);
  // Until the very end: a signal that comes while the pool is closed does not leave half a line behind.
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.stderr.on('error', () => undefined); // nobody reads it any more: the results still count
  try {
    const code = options.isDry ? await run.show() : await run.run();
    if (run.isKilled) process.exit(code); // lines that nobody reads would hold the process
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
  /** The first signal that came, and how many came. */
  #signal: NodeJS.Signals | undefined;
  #signals = 0;
  #usageError: UsageError | undefined;
  #pool: Pool<Record<string, never>> | undefined;
  #batch: Batch<unknown> | undefined;
  /** Killed for being slow: the time that they had. */
  readonly #slow = new Map<number, number>();

  constructor(options: MapRunOptions) {
    this.#options = options;
    this.#output = new Output(options.isDry ? undefined : options.out);
    this.#joblog = options.joblog === undefined ? undefined : new Output(options.joblog);
  }

  /** By a second signal. */
  get isKilled(): boolean {
    return this.#signals > 1;
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
    const { module, size } = this.#options;
    const pool = new Pool({ module, name: 'everpool', stderr: 'pipe', ...(size === undefined ? {} : { size }) });
    this.#pool = pool;
    const workerOutput = new WorkerOutput(pool);
    try {
      await this.#checkTask(pool);
      if (this.#signal === undefined) {
        workerOutput.pass();
        await this.#map(pool);
        // A run that gave no line leaves an empty output; one that was wrong usage leaves it as it was.
        if (this.#usageError === undefined) await this.#endOutputs();
      }
    } finally {
      if (this.#done > 0) await this.#endOutputs();
      await (this.isKilled || this.#output.error !== undefined ? pool.kill() : pool.close());
    }
    return this.#exitCode();
  }

  async #endOutputs(): Promise<void> {
    await Promise.all([this.#output.end(), this.#joblog?.end()]);
    if (this.#writeError !== undefined) this.#giveUp(this.#writeError);
  }

  /** Before an item is read: the module loads, and exports the task. @throws UsageError */
  async #checkTask(pool: Pool<Record<string, never>>): Promise<void> {
    try {
      await pool.ready();
    } catch (error) {
      if (this.#signal !== undefined) return;
      throw new UsageError(oneLine((error as Error).message), { cause: error });
    }
    const { exports } = coreOf(pool);
    const { task, module } = this.#options;
    if (exports === undefined || exports.has(task)) return;
    const names = exports.size === 0 ? 'it exports no function' : `it exports ${[...exports].join(', ')}`;
    throw new UsageError(`the module ${module} has no task '${task}': ${names}`);
  }

  async #map(pool: Pool<Record<string, never>>): Promise<void> {
    const { task, retries, timeout, journal, resume, tag, ordered, isQuiet } = this.#options;
    const stopWatch =
      timeout !== undefined && 'percent' in timeout ? killSlow(pool, timeout.percent, (id, ms) => this.#slow.set(id, ms)) : () => undefined;
    const view = progressView(isQuiet);
    try {
      const batch = pool.starmap(task as never, this.#argumentLists() as AsyncIterable<never>, {
        ordered,
        retries,
        journal,
        resume,
        tag,
        timeoutMs: timeout !== undefined && 'ms' in timeout ? timeout.ms : undefined,
      });
      this.#batch = batch;
      batch.onProgress((progress) => view.show(progress));
      for await (const outcome of batch.outcomes()) await this.#take(outcome);
    } catch (error) {
      if (!this.isKilled) throw error; // else its pool was killed under it
    } finally {
      view.end(this.#batch?.progress);
      this.#inputEnd.abort();
      stopWatch();
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
    this.#onUsageError(new UsageError(`--spread: expected each item to be a list of arguments, got ${JSON.stringify(item)}`));
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
      this.#explain(outcome);
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

  /** A task that was killed for being slow fails of its time, not of a death. */
  #explain(outcome: BatchOutcome<unknown> & PromiseRejectedResult): void {
    const { reason } = outcome;
    const limitMs = reason instanceof WorkerDiedError ? this.#slow.get(reason.taskId) : undefined;
    if (limitMs === undefined) return;
    outcome.reason = Object.assign(new Error(`it ran for more than ${limitMs.toFixed(0)} ms, which is --timeout of the median`), {
      name: 'TaskTimeoutError',
    });
  }

  get #writeError(): NodeJS.ErrnoException | undefined {
    return this.#output.error ?? this.#joblog?.error;
  }

  /** A closed pipe says enough by itself; anything else is reported. */
  #giveUp(error: NodeJS.ErrnoException): void {
    if (this.#hasGivenUp) return;
    this.#hasGivenUp = true;
    if (error.code !== 'EPIPE') say(`the output cannot be written: ${error.message}`);
    this.#inputEnd.abort();
    this.#batch?.kill('the output is gone').catch(() => undefined);
  }

  /** The first: what runs is finished. The second kills it, and waits for no reader of the output. */
  onSignal(signal: NodeJS.Signals): void {
    this.#signals += 1;
    this.#signal ??= signal;
    this.#inputEnd.abort();
    if (this.#signals === 1) {
      say('interrupted: what runs is finished; once more kills it');
      if (this.#batch === undefined) this.#pool?.kill().catch(() => undefined); // it boots: nothing runs
      return;
    }
    this.#output.abandon();
    this.#joblog?.abandon();
    this.#pool?.kill().catch(() => undefined);
  }

  #exitCode(): number {
    if (this.#signal !== undefined) return exitCodeOf(this.#signal);
    if (this.#usageError !== undefined) return EXIT.usage;
    return this.#failed + this.#malformed > 0 || this.#writeError !== undefined ? EXIT.failed : EXIT.ok;
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
