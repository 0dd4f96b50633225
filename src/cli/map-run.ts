/** One run of `everpool map`, from its items to its exit code. */
import type { Batch, BatchOutcome } from '../pool/batch.js';
import { Pool } from '../pool/pool.js';
import { WorkerDiedError } from '../shared/errors.js';
import { EXIT, UsageError } from './exit.js';
import { type Halt, isReached } from './halt.js';
import { type InputFormat, readItems } from './input.js';
import { killSlow, type Limit } from './limits.js';
import { lineOf, Output } from './output.js';
import { progressView } from './progress.js';

export interface MapRunOptions {
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

export async function runMap(options: MapRunOptions): Promise<number> {
  const run = new MapRun(options);
  return options.isDry ? run.show() : run.run();
}

class MapRun {
  readonly #options: MapRunOptions;
  readonly #output: Output;
  readonly #joblog: Output | undefined;
  #malformed = 0;
  #done = 0;
  #failed = 0;
  /** Nothing more is started. */
  #isEnding = false;
  #signals = 0;
  #usageError: UsageError | undefined;
  #batch: Batch<unknown> | undefined;
  /** Killed for being slow: the time that they had. */
  readonly #slow = new Map<number, number>();

  constructor(options: MapRunOptions) {
    this.#options = options;
    this.#output = new Output(options.out);
    this.#joblog = options.joblog === undefined ? undefined : new Output(options.joblog);
  }

  async show(): Promise<number> {
    for await (const item of this.#items())
      await this.#output.write(
        `${this.#options.task}(${this.#argumentsOf(item)
          .map((each) => JSON.stringify(each))
          .join(', ')})`,
      );
    await this.#output.end();
    return this.#exitCode();
  }

  async run(): Promise<number> {
    const { module, task, size, retries, timeout, journal, resume, tag, ordered, isQuiet } = this.#options;
    const items = this.#items();
    const pool = new Pool({ module, name: 'everpool', ...(size === undefined ? {} : { size }) });
    const onSignal = (): void => this.#onSignal();
    process.on('SIGINT', onSignal);
    const view = progressView(isQuiet);
    const stopWatch =
      timeout !== undefined && 'percent' in timeout ? killSlow(pool, timeout.percent, (id, ms) => this.#slow.set(id, ms)) : () => undefined;
    try {
      const list = (async function* (self: MapRun): AsyncGenerator<unknown[]> {
        for await (const item of items) yield self.#argumentsOf(item);
      })(this);
      const batch = pool.starmap(task, list as AsyncIterable<never>, {
        ordered,
        retries,
        journal,
        resume,
        tag,
        timeoutMs: timeout !== undefined && 'ms' in timeout ? timeout.ms : undefined,
      });
      this.#batch = batch;
      batch.onProgress((progress) => view.show(progress));
      await this.#joblog?.write('index\tattempts\tms\tok');
      for await (const outcome of batch.outcomes()) await this.#take(outcome);
      view.end(batch.progress);
    } finally {
      stopWatch();
      process.removeListener('SIGINT', onSignal);
      await (this.#signals > 1 || this.#output.error !== undefined ? pool.kill() : pool.close());
      await this.#output.end();
      await this.#joblog?.end();
    }
    return this.#exitCode();
  }

  #argumentsOf(item: unknown): unknown[] {
    if (!this.#options.isSpread) return [item];
    if (Array.isArray(item)) return item;
    throw new UsageError(`--spread: expected each item to be a list of arguments, got ${JSON.stringify(item)}`);
  }

  async *#items(): AsyncGenerator<unknown> {
    const { in: file, args, format, isStrict } = this.#options;
    const onMalformed = (line: number, why: string): void => {
      this.#malformed += 1;
      process.stderr.write(`everpool: line ${line} of the input is no JSON: ${why}\n`);
      if (isStrict) this.#isEnding = true;
    };
    try {
      for await (const item of readItems({ in: file, args, format, onMalformed })) {
        if (this.#isEnding) return;
        yield item;
      }
    } catch (error) {
      if (error instanceof UsageError) this.#usageError = error;
      else this.#usageError = new UsageError(`the input cannot be read: ${(error as Error).message}`);
      process.stderr.write(`everpool: ${this.#usageError.message}\n`);
    }
  }

  async #take(outcome: BatchOutcome<unknown>): Promise<void> {
    this.#done += 1;
    if (outcome.status === 'rejected') {
      this.#failed += 1;
      this.#explain(outcome);
    }
    const { index, attempts, ms, status } = outcome;
    await this.#output.write(lineOf(outcome));
    await this.#joblog?.write(`${index}\t${attempts}\t${ms.toFixed(3)}\t${status === 'fulfilled'}`);
    if (this.#output.error !== undefined) this.#giveUp();
    const { halt, stopsOnError } = this.#options;
    if (stopsOnError && this.#failed > 0) this.#isEnding = true;
    if (halt === undefined || this.#isEnding || !isReached(halt, this.#done, this.#failed)) return;
    this.#isEnding = true;
    process.stderr.write(`everpool: halt: ${this.#done} done, ${this.#failed} failed\n`);
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

  /** A closed pipe says enough by itself; anything else is told. */
  #giveUp(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const { error } = this.#output;
    if (error?.code !== 'EPIPE') process.stderr.write(`everpool: the output cannot be written: ${error?.message}\n`);
    this.#batch?.kill('the output is gone').catch(() => undefined);
  }

  /** Once: finish what runs. Twice: kill it. */
  #onSignal(): void {
    this.#signals += 1;
    this.#isEnding = true;
    if (this.#signals === 1) process.stderr.write('everpool: interrupted: what runs is finished; once more kills it\n');
    else this.#batch?.kill('interrupted').catch(() => undefined);
  }

  #exitCode(): number {
    if (this.#signals > 0) return EXIT.interrupted;
    if (this.#usageError !== undefined) return EXIT.usage;
    return this.#failed + this.#malformed > 0 || this.#output.error !== undefined ? EXIT.failed : EXIT.ok;
  }
}
