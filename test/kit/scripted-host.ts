/**
 * A host whose store and whose pool are played by the test, over a clock that stands still. The
 * test hands tasks over, ends their attempts, and reads the reports.
 */
import { HostCore } from '../../src/cluster/host/host-core.js';
import { type ResolvedServeOptions, resolveServeOptions } from '../../src/cluster/host/host-options.js';
import type { ServingPool } from '../../src/cluster/host/local-pool.js';
import type { HostStore, HostStoreListener, Report, TakenTask } from '../../src/cluster/store/types.js';
import type { HostEvents, HostInfo, ServeOptions } from '../../src/cluster/types.js';
import { type EndMessage, writeEnd } from '../../src/cluster/wire/messages.js';
import { readOutcome, readReason, type WiredOutcome } from '../../src/cluster/wire/outcome.js';
import { Seals } from '../../src/cluster/wire/seal.js';
import { type TaskHead, writeTask } from '../../src/cluster/wire/task.js';
import { fromText, toText } from '../../src/cluster/wire/text.js';
import { decode, type Encoded, encode } from '../../src/ipc/codec/codec.js';
import type { EncodedMore, EncodedOutcome, EncodedTask } from '../../src/pool/handles/submit-encoded.js';
import type { TaskOptions } from '../../src/pool/types.js';
import { type Deferred, deferred } from '../../src/shared/deferred.js';
import { TaskCancelledError } from '../../src/shared/errors.js';
import { FakeClock } from './fake-clock.js';

/** What the store was asked to do, and what it answers. */
class ScriptedStore implements HostStore {
  readonly calls: string[] = [];
  readonly rows: string[] = [];
  readonly progress: { readonly id: string; readonly message: string; readonly done: Deferred<void> }[] = [];
  readonly announced: HostInfo[] = [];
  readonly isReady: Deferred<void> = deferred();
  /** What `addRows` does after it was called. */
  onRows: () => Promise<void> = () => Promise.resolve();
  onClose: () => Promise<void> = () => Promise.resolve();
  listener!: HostStoreListener;

  ready(): Promise<void> {
    return this.isReady.promise;
  }
  start(): void {
    this.calls.push('start');
  }
  pause(): void {
    this.calls.push('pause');
  }
  resume(): void {
    this.calls.push('resume');
  }
  setSlots(slots: number): void {
    this.calls.push(`slots ${slots}`);
  }
  async addRows(_id: string, rows: readonly string[]): Promise<void> {
    this.calls.push('rows');
    await this.onRows();
    this.rows.push(...rows);
  }
  publishProgress(id: string, message: string): Promise<void> {
    const done = deferred<void>();
    this.progress.push({ id, message, done });
    return done.promise;
  }
  async announce(info: HostInfo): Promise<void> {
    this.announced.push(info);
  }
  close(): Promise<void> {
    this.calls.push('close');
    return this.onClose();
  }
}

/** One attempt in the local pool. */
export class ScriptedAttempt implements EncodedTask {
  readonly name: string;
  readonly args: Encoded;
  readonly options: TaskOptions;
  readonly more: EncodedMore;
  readonly ends: [how: string, reason: unknown][] = [];
  readonly #outcome = deferred<EncodedOutcome>();
  readonly #over = deferred<void>();
  hasStarted = true;

  constructor(name: string, args: Encoded, options: TaskOptions, more: EncodedMore) {
    this.name = name;
    this.args = args;
    this.options = options;
    this.more = more;
  }

  get outcome(): Promise<EncodedOutcome> {
    return this.#outcome.promise;
  }
  get started(): Promise<unknown> {
    return Promise.resolve({ workerId: 1 });
  }
  cancel(reason?: unknown): Promise<void> {
    this.ends.push(['cancel', reason]);
    return this.#over.promise;
  }
  kill(reason?: unknown): Promise<void> {
    this.ends.push(['kill', reason]);
    return this.#over.promise;
  }
  withdraw(): boolean {
    if (this.hasStarted) return false;
    this.isCancelled();
    return true;
  }

  // ---- what the test does

  returns(value: unknown): void {
    this.#end({ status: 'succeeded', value: encode(value) });
  }
  throws(error: unknown): void {
    this.#end({ status: 'failed', thrown: encode(error) });
  }
  fails(error: Error): void {
    this.#end({ status: 'failed', error });
  }
  isCancelled(): void {
    this.#end({ status: 'cancelled', error: new TaskCancelledError('it was cancelled', { reason: this.ends[0]?.[1], forced: true }) });
  }
  /** The process that ran it has ended. */
  isReaped(): void {
    this.#over.resolve();
  }
  #end(end: object): void {
    this.#outcome.resolve({ ...end, attempts: this.hasStarted ? 1 : 0, ms: 5 } as EncodedOutcome);
  }
}

class ScriptedLocalPool {
  slots = 2;
  readonly ladderMs = 500;
  state: 'open' | 'broken' | 'closing' | 'closed' = 'open';
  onResized: (() => void) | undefined;
  readonly attempts: ScriptedAttempt[] = [];
  readonly calls: string[] = [];
  readonly isReady: Deferred<void> = deferred();
  readonly listeners = new Map<string, () => void>();
  refusal: Error | undefined;

  get isOpen(): boolean {
    return this.state === 'open';
  }
  submit(name: string, args: Encoded, options: TaskOptions, more: EncodedMore): EncodedTask {
    const attempt = new ScriptedAttempt(name, args, options, more);
    if (this.refusal === undefined) this.attempts.push(attempt);
    else {
      attempt.hasStarted = false;
      attempt.fails(this.refusal);
    }
    return attempt;
  }
  killAtOnce(task: ScriptedAttempt, _reason: string): Promise<void> {
    task.ends.push(['at once', undefined]);
    return Promise.resolve();
  }
  ready(): Promise<void> {
    return this.isReady.promise;
  }
  async terminate(): Promise<void> {
    this.calls.push('terminate');
  }
  async kill(): Promise<void> {
    this.calls.push('kill');
  }
  on(event: string, listener: () => void): this {
    this.listeners.set(event, listener);
    return this;
  }
}

export type Fixed = { [E in keyof HostEvents]: [event: E, payload: HostEvents[E]] }[keyof HostEvents];

export class HostScript {
  readonly store = new ScriptedStore();
  readonly pool = new ScriptedLocalPool();
  readonly clock = new FakeClock();
  readonly events: Fixed[] = [];
  readonly seals: Seals;
  readonly options: ResolvedServeOptions;
  readonly host: HostCore;
  readonly started: Promise<void>;

  constructor(options: Partial<ServeOptions> = {}) {
    this.options = resolveServeOptions({ connection: { redis: 'redis://nowhere' }, host: 'h', ...options });
    this.seals = new Seals(this.options.secret);
    this.host = new HostCore(this.options, this.pool as unknown as ServingPool, {
      clock: this.clock,
      epochNow: () => this.clock.now(),
      isRefusal: (error) => (error as Error).message === 'refused',
      openStore: (listener) => {
        this.store.listener = listener;
        return this.store;
      },
    });
    for (const event of ['taskTaken', 'taskGiven', 'fenced', 'storeError', 'recovered'] as const) {
      this.host.on(event, (payload) => this.events.push([event, payload] as Fixed));
    }
    this.started = this.host.start();
  }

  /** Lets everything happen that waits for nothing. */
  async pass(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.runSoon();
    }
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.pass();
  }

  /** Hands a task over. */
  take(id: string, head: Partial<TaskHead> = {}, taken: Partial<TakenTask> = {}, args: unknown[] = []): Given {
    const full: TaskHead = {
      name: 'work',
      at: this.clock.now(),
      client: 'c',
      retries: { crash: 0, timeout: 0, error: 0 },
      delaysMs: [],
      ...head,
    };
    const data = writeTask(id, full, toText(encode(args)), this.seals);
    const task: TakenTask = { id, token: `${id}:1`, data, silences: 0, failures: 0, takenAt: this.clock.now(), ...taken };
    return new Given(this, this.store.listener.onTask(task), id);
  }

  /** Somebody asks for the end of a task. */
  ends(id: string, how: EndMessage['how'] = 'cancel', reason: unknown = undefined, seals: Seals = this.seals): void {
    this.store.listener.onEnd(writeEnd('end', { id, how, reason: reason === undefined ? '' : toText(encode(reason)) }, seals));
  }
}

/** A task that the host has. */
class Given {
  readonly id: string;
  readonly #host: HostScript;
  report: Report | undefined;
  readonly reported: Promise<Report>;

  constructor(host: HostScript, reported: Promise<Report>, id: string) {
    this.id = id;
    this.#host = host;
    this.reported = reported;
    void reported.then((report) => {
      this.report = report;
    });
  }

  get kind(): Report['kind'] | undefined {
    return this.report?.kind;
  }

  /** The store has the report, or the lock was lost first. */
  isDone(isDone = true): void {
    this.#host.store.listener.onReported(this.id, isDone);
  }

  get outcome(): WiredOutcome {
    const { report } = this;
    const outcome =
      report?.kind === 'completed'
        ? readOutcome(this.id, report.outcome, this.#host.seals)
        : readReason(this.id, report?.kind === 'failed' ? report.reason : undefined, this.#host.seals);
    if (outcome === undefined) throw new Error(`the report is ${JSON.stringify(report)}`);
    return outcome;
  }

  /** What the client decodes. */
  get value(): unknown {
    const encoded = fromText(this.outcome.text);
    return encoded === undefined ? undefined : decode(encoded.codec, encoded.body ?? '', encoded.attachments);
  }
  get error(): Error & Record<string, unknown> {
    return this.value as Error & Record<string, unknown>;
  }
}

/** A host that takes tasks. */
export async function scriptedHost(options: Partial<ServeOptions> = {}): Promise<HostScript> {
  const scripted = new HostScript(options);
  scripted.store.isReady.resolve();
  scripted.pool.isReady.resolve();
  await scripted.started;
  return scripted;
}
