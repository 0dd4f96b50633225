/**
 * One taken task, from the moment at which the store hands it over until the store has its report.
 * Its arguments and its result pass through unread.
 *
 * How often a task may start is decided in retry-policy.ts, and when its lock is lost in fence.ts.
 */
import { describe, type Encoded } from '../../ipc/codec/codec.js';
import type { EncodedOutcome, EncodedTask } from '../../pool/handles/submit-encoded.js';
import type { Due } from '../../shared/deadlines.js';
import { deferred } from '../../shared/deferred.js';
import { EverpoolError, SerializationError, TaskCancelledError } from '../../shared/errors.js';
import { ignore } from '../../shared/ignore.js';
import type { Report, TakenTask } from '../store/types.js';
import { writeProgress } from '../wire/messages.js';
import { writeReason } from '../wire/outcome.js';
import { type ReadTask, readTask, type TaskData, withPast } from '../wire/task.js';
import { fromText, toText } from '../wire/text.js';
import type { Given, HostContext } from './host-context.js';
import { drainedError, queueTimeoutError, silentError } from './lost.js';
import { Progress } from './progress.js';
import { endReport, errorResult, type Result, thrownResult, valueResult } from './result.js';
import { attemptOf, type Retry, retryAfter, startRefusal } from './retry-policy.js';
import { mayRun, TAKEN_STEPS, type TakenState } from './taken-state.js';
import { failureOf, type Verdict, verdictOf } from './verdict.js';
import { writeUntil } from './write-until.js';

/** What a Run frame can carry. */
const MOST_ATTEMPTS = 0xffff;
const NEVER_STARTED: EncodedOutcome = {
  status: 'cancelled',
  error: new TaskCancelledError('', { reason: undefined, forced: false }),
  attempts: 0,
  ms: 0,
};

export class TaskRun implements Due {
  readonly id: string;
  readonly attempt: number;
  /** Changed by `#become` alone. */
  readonly state: TakenState = 'taken';
  // Due: the end of its lock.
  dueAt = 0;
  heapIndex = -1;
  /** Undefined if what was taken is no task. */
  read: ReadTask | undefined;
  /** Milliseconds of the attempt here. */
  ms = 0;
  readonly #context: HostContext;
  readonly #number: number;
  readonly #taken: TakenTask;
  readonly #lost = deferred<void>();
  readonly #ended = deferred<void>();
  #task: EncodedTask | undefined;
  /** Settles once no process runs the task that was cancelled or killed. */
  #over: Promise<void> | undefined;
  #endedBy: { readonly reason: unknown } | undefined;
  /** What the report says. */
  #given: Given = 'failed';

  /** @param number unique in the host */
  constructor(context: HostContext, number: number, taken: TakenTask) {
    this.#context = context;
    this.#number = number;
    this.#taken = taken;
    this.id = taken.id;
    this.attempt = attemptOf(taken);
    context.fence.renew(this, taken.takenAt);
  }

  /** Resolves once no process of this host runs it. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** @param before the same task, whose lock this host has lost: it ends first. Never rejects. */
  async run(before?: Promise<void>): Promise<Report> {
    try {
      return await this.#run(before);
    } catch (cause) {
      return this.#failInternally(cause);
    } finally {
      this.#ended.resolve();
    }
  }

  // ---- what ends it

  /** Somebody asks for its end. The first reason stays. */
  end(how: 'cancel' | 'kill', reason: unknown): void {
    if (!mayRun(this.state)) return;
    if (this.state !== 'ending') this.#become('ending');
    this.#endedBy ??= { reason };
    this.#endTask(how, reason);
  }

  /** The lock is lost, or about to be. Returns false if it does not matter any more. */
  lose(): boolean {
    if (!mayRun(this.state) && this.state !== 'writing') return false;
    this.#become('fenced');
    this.#lost.resolve();
    if (this.#task !== undefined)
      this.#over = this.#context.pool.killAtOnce(this.#task, 'its host was silent, and has lost the lock of it');
    return true;
  }

  renewed(askedAt: number): void {
    if (this.heapIndex >= 0) this.#context.fence.renew(this, askedAt);
  }

  /** The host drains: it is taken back if it has not started. */
  takeBack(): void {
    if (this.state === 'taken' || (this.state === 'running' && this.#task?.withdraw() === true)) this.#become('drained');
  }

  /** The host has drained for long enough. */
  killForDrain(): void {
    if (this.state === 'running') this.#become('drained');
    if (mayRun(this.state)) this.#endTask('kill', 'its host was shut down');
  }

  #endTask(how: 'cancel' | 'kill', reason: unknown): void {
    const over = this.#task?.[how](reason);
    if (over !== undefined) this.#over = over.catch(ignore);
  }

  /** The store has the report, or the lock was lost first. */
  reported(isDone: boolean): void {
    if (this.state !== 'reported') return;
    this.#become('over');
    this.#context.onGiven(this, isDone ? this.#given : 'fenced');
  }

  // ---- its life

  async #run(before: Promise<void> | undefined): Promise<Report> {
    const context = this.#context;
    const now = context.epochNow();
    try {
      this.read = readTask(this.id, this.#taken.data, context.seals, now);
    } catch (error) {
      return this.#refuse(error);
    }
    context.onTaken(this);
    const refusal = this.#refusal(this.read, now);
    if (refusal !== undefined) return this.#refuse(refusal);
    if (before !== undefined) await before;
    if (this.state !== 'taken') return this.#reportOf(NEVER_STARTED);
    const args = this.#args(this.read.args);
    if (args instanceof Error) return this.#refuse(args);
    this.#become('running');
    const outcome = await this.#submit(this.read, args);
    // The process that was killed for it has to be dead (C7).
    if (this.#over !== undefined) await this.#over;
    this.ms = outcome.ms;
    return this.#reportOf(outcome);
  }

  /** Why it does not start. */
  #refusal(task: ReadTask, now: number): Error | undefined {
    const refusal = startRefusal(task, this.#taken, now);
    if (refusal === 'silent') return silentError(this.id, this.#about, task.head, this.#taken.silences);
    return refusal === undefined ? undefined : queueTimeoutError(this.#about, task.head.queueTimeoutMs ?? 0);
  }

  #args(text: string): Encoded | Error {
    const { payloadLimit } = this.#context.options;
    const isTooLong = text.length > payloadLimit;
    const args = isTooLong ? undefined : fromText(text);
    if (args !== undefined) return args;
    const why = isTooLong ? `take ${text.length} bytes, more than payloadLimit (${payloadLimit})` : 'are no encoded value';
    return new SerializationError(`${this.#about}: its arguments ${why}`, { side: 'arguments' });
  }

  async #submit({ head }: ReadTask, args: Encoded): Promise<EncodedOutcome> {
    const { name, timeoutMs, softTimeoutMs, tag } = head;
    const progress = head.wantsProgress === true ? this.#progress() : undefined;
    const onProgress = progress === undefined ? undefined : (value: Encoded): void => progress.put(toText(value));
    const firstAttempt = Math.min(this.attempt, MOST_ATTEMPTS);
    const options = { retries: 0, timeoutMs, softTimeoutMs, tag };
    const origin = { id: this.id, crashRetries: head.retries.crash };
    this.#task = this.#context.pool.submit(name, args, options, { firstAttempt, origin, onProgress });
    const outcome = await this.#task.outcome;
    progress?.stop();
    return outcome;
  }

  #progress(): Progress {
    const { store, seals, options } = this.#context;
    let count = 0;
    return new Progress(options.inlineLimit, (value) => {
      count += 1;
      return store.publishProgress(this.id, writeProgress(this.id, { attempt: this.attempt, count, value }, seals));
    });
  }

  // ---- what is reported

  #reportOf(outcome: EncodedOutcome): Report | Promise<Report> {
    const { fence, pool } = this.#context;
    if (this.state !== 'fenced' && fence.isPast(this)) this.#context.lose(this); // after a freeze, the timer is late
    const verdict = verdictOf(this.state, outcome, pool.isOpen);
    if (verdict === 'abandon') return this.#abandon();
    if (verdict === 'return') return this.#return();
    const failure = failureOf(verdict, outcome);
    const retry = failure === undefined || this.read === undefined ? undefined : retryAfter(failure, this.read, this.#taken);
    // What was to end is not started again.
    const last = retry !== undefined && this.state === 'ending' ? 'cancelled' : verdict;
    const result = this.#resultOf(last, outcome);
    return retry === undefined || last === 'cancelled' ? this.#end(result, outcome.attempts) : this.#retry(result, retry);
  }

  #resultOf(verdict: Verdict, outcome: EncodedOutcome): Result {
    const { payloadLimit, host } = this.#context.options;
    if ('value' in outcome) return valueResult(this.#about, outcome.value, payloadLimit);
    if (verdict === 'drained' && this.read !== undefined)
      return errorResult('error', drainedError(this.id, this.#about, this.read.head, host));
    if (verdict === 'cancelled') return errorResult('cancelled', this.#cancelledError(outcome));
    if ('thrown' in outcome) return thrownResult(this.#about, outcome.thrown, payloadLimit);
    return errorResult('error', outcome.error);
  }

  #cancelledError(outcome: EncodedOutcome): Error {
    if (outcome.status === 'cancelled' && outcome !== NEVER_STARTED) return outcome.error;
    return new TaskCancelledError(`${this.#about} was cancelled`, { reason: this.#endedBy?.reason, forced: false });
  }

  #retry({ line }: Result, { past, delayMs }: Retry): Report {
    this.#reporting('failed');
    const data = withPast(this.id, this.#taken.data as TaskData, past, this.#context.seals);
    return { kind: 'retry', reason: writeReason(line, ''), delayMs, data };
  }

  #refuse(error: unknown): Promise<Report> {
    return this.#end(errorResult('error', error), 0);
  }

  async #end(result: Result, starts: number): Promise<Report> {
    const { options, seals, store, clock, isRefusal } = this.#context;
    const facts = { id: this.id, attempt: this.attempt, attempts: this.attempt - 1 + starts, ms: this.ms, host: options.host };
    const { rows, report } = endReport(result, facts, options.inlineLimit, seals);
    if (rows.length > 0) {
      this.#become('writing');
      const refusal = await writeUntil(this.#lost.promise, () => store.addRows(this.id, rows), clock, isRefusal);
      if ((this.state as TakenState) === 'fenced') return this.#abandon();
      if (refusal !== undefined)
        return this.#give('error', endReport(errorResult('error', refusal), facts, Number.POSITIVE_INFINITY, seals).report);
    }
    return this.#give(result.kind, report);
  }

  #give(kind: Result['kind'], report: Report): Report {
    this.#reporting(kind === 'value' ? 'succeeded' : kind === 'cancelled' ? 'cancelled' : 'failed');
    return report;
  }

  #return(): Report {
    if (!this.#context.pool.isOpen) this.#context.onPoolAway();
    this.#reporting('returned');
    return { kind: 'return' };
  }

  #abandon(): Report {
    this.#context.fence.release(this);
    this.#become('over');
    this.#context.onGiven(this, 'fenced');
    return { kind: 'abandon' };
  }

  #reporting(given: Given): void {
    this.#context.fence.release(this);
    this.#given = given;
    this.#become('reported');
  }

  async #failInternally(cause: unknown): Promise<Report> {
    const text = `${this.#about} failed inside its host, because of a bug in everpool: ${describe(cause)}${this.#context.story}`;
    try {
      return await this.#refuse(new EverpoolError(text, 'ERR_EVERPOOL_INTERNAL', { cause }));
    } catch {
      return { kind: 'abandon' }; // its lock runs out, and another host decides
    }
  }

  // ---- its words and its state

  /** As errors name it. */
  get #about(): string {
    if (this.read === undefined) return `task ${this.id}`;
    const { name, tag } = this.read.head;
    return `task ${this.id} (${name}${tag === undefined ? '' : `, tag '${tag}'`})`;
  }

  #become(to: TakenState): void {
    this.#context.story.take('taken task', TAKEN_STEPS, this.#number, this.state, to);
    (this as { state: TakenState }).state = to;
  }
}
