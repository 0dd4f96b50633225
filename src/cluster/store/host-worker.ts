/**
 * BullMQ's Worker, as a host needs it: it reports what a task says, repeats a report that the store
 * did not take, and never runs an id twice at the same time.
 */
import type { BackendFactory, Job, KeepJobs } from 'bullmq';
import { baseWorkerClass } from './base-worker.js';
import type { BullMQ } from './peers.js';
import { isLost } from './refusals.js';
import type { HostStoreListener, Report } from './types.js';
import { pause } from './waits.js';

/** The most that a host waits for a task whose marker another host has taken. */
export const DRAIN_SECONDS = 2;
const REPEAT_MS = 500;
const PRUNE_MS = 1000;

export interface HostWorkerOptions {
  readonly name: string;
  readonly host: string;
  readonly slots: number;
  readonly lockMs: number;
  readonly checkMs: number;
  readonly keepMs: number;
}

export interface HostWorkerListener extends Pick<HostStoreListener, 'onTask' | 'onReported' | 'onRenewed' | 'onLost'> {
  onFetch(): void;
  onStoreError(error: unknown): void;
}

/** What the store uses of it. */
export interface HostWorker {
  start(): void;
  pause(): void;
  resume(): void;
  setSlots(slots: number): void;
  readonly isStarted: boolean;
  /** The tasks that it has. */
  readonly load: number;
  /** Nothing is reported any more. Resolves when no task comes any more. */
  close(): Promise<void>;
}

type AnyJob = Job<unknown, unknown, string>;

export function openHostWorker(
  bullmq: BullMQ,
  factory: BackendFactory,
  options: HostWorkerOptions,
  listener: HostWorkerListener,
): HostWorker {
  return new (hostWorkerClass(bullmq))(factory, options, listener);
}

/** A task that failed finally, or for now. */
class Failure extends Error {
  readonly delayMs: number;

  constructor(reason: string, delayMs: number) {
    super(reason);
    this.delayMs = delayMs;
    this.stack = ''; // None in the store.
  }
}

interface Taken {
  readonly token: string;
  isReporting: boolean;
  readonly end: Promise<void>;
  free(): void;
}

type WorkerClass = new (factory: BackendFactory, options: HostWorkerOptions, listener: HostWorkerListener) => HostWorker;

function hostWorkerClass(bullmq: BullMQ): WorkerClass {
  return class extends baseWorkerClass(bullmq) implements HostWorker {
    readonly #listener: HostWorkerListener;
    readonly #lockMs: number;
    /** By the id of the task. */
    readonly #taken = new Map<string, Taken>();
    readonly #takenAt = new WeakMap<object, number>();
    /** The calls that are under way. */
    readonly #fetches = new Set<Promise<unknown>>();
    readonly #keep: KeepJobs;
    readonly #prunedAt = { completed: Number.NEGATIVE_INFINITY, failed: Number.NEGATIVE_INFINITY };

    constructor(factory: BackendFactory, { name, host, slots, lockMs, checkMs, keepMs }: HostWorkerOptions, listener: HostWorkerListener) {
      super(
        name,
        (job: AnyJob, token: string) => this.#run(job, token),
        {
          connection: {},
          autorun: false,
          name: host,
          concurrency: slots,
          lockDuration: lockMs,
          lockRenewTime: lockMs / 2,
          stalledInterval: checkMs,
          // Of the host that checks, not of the task: so the tasks decide themselves.
          maxStalledCount: 1_000_000,
          drainDelay: DRAIN_SECONDS,
          runRetryDelay: 1000,
          settings: { backoffStrategy: (_made: number, _type: string, error: Failure) => error.delayMs },
        },
        factory,
      );
      this.#listener = listener;
      this.#lockMs = lockMs;
      this.#keep = { age: Math.max(1, Math.ceil(keepMs / 1000)) };
      // A host of another kind may have marked the task as one that stalled too often.
      (this as unknown as { getUnrecoverableErrorMessage: () => undefined }).getUnrecoverableErrorMessage = () => undefined;
      this.on('error', (error: Error) => listener.onStoreError(error));
    }

    // ---- what the store calls

    start(): void {
      this.run().catch((error: unknown) => this.#listener.onStoreError(error));
    }

    override pause(): Promise<void> {
      return super.pause(true).catch(() => undefined);
    }

    setSlots(slots: number): void {
      this.setConcurrency(Math.max(1, slots));
    }

    get isStarted(): boolean {
      return this.running;
    }

    get load(): number {
      return this.#taken.size;
    }

    override async close(): Promise<void> {
      const closed = super.close(true);
      // It waits for a task, which BullMQ would let it do for `DRAIN_SECONDS`.
      const woken = this.backend.disconnectBlocking(false);
      await Promise.allSettled([closed, woken, ...this.#fetches]);
    }

    // ---- what BullMQ calls

    protected override async moveToActive(token: string, name?: string): Promise<AnyJob> {
      // One that is paused while it waits would take one more.
      if (this.paused || this.closing) return undefined as never;
      const fetch = this.#fetched(performance.now(), super.moveToActive(token, name), token);
      this.#fetches.add(fetch);
      try {
        return (await fetch) as AnyJob;
      } finally {
        this.#fetches.delete(fetch);
      }
    }

    /** A task that comes after the pause or the end goes back: it has not started. */
    async #fetched(askedAt: number, answer: Promise<AnyJob | undefined>, token: string): Promise<AnyJob | undefined> {
      const job = await answer;
      this.#listener.onFetch();
      if (job === undefined || job === null) return undefined;
      this.#takenAt.set(job, askedAt);
      if (!this.paused && this.closing === undefined) return job;
      await job.moveToWait(token).catch((error: unknown) => this.#listener.onStoreError(error)); // then its lock ends
      return undefined;
    }

    async #run(job: AnyJob, token: string): Promise<Report> {
      const id = String(job.id);
      // The lock of an earlier attempt was lost, and its task is being killed.
      for (let earlier = this.#taken.get(id); earlier !== undefined; earlier = this.#taken.get(id)) {
        await earlier.end;
        await new Promise(setImmediate); // BullMQ has stopped to renew its lock, by the id.
        this.lockManager.trackJob(id, token, 1);
      }
      let free = (): void => undefined;
      const end = new Promise<void>((resolve) => (free = resolve));
      this.#taken.set(id, { token, isReporting: false, end, free });
      const { data, stalledCounter: silences, attemptsMade: failures } = job;
      try {
        const takenAt = await this.#heldFrom(job, id, token);
        if (takenAt === undefined) return { kind: 'abandon' };
        return await this.#listener.onTask({ id, token, data, silences, failures, takenAt });
      } catch (error) {
        this.#listener.onStoreError(error);
        return { kind: 'abandon' };
      }
    }

    /**
     * When the lock began. If the answer to the fetch came late, because the network was slow, it
     * is renewed first. Undefined: it is lost.
     */
    async #heldFrom(job: AnyJob, id: string, token: string): Promise<number | undefined> {
      let from = this.#takenAt.get(job) ?? performance.now();
      while (performance.now() - from > this.#lockMs / 2) {
        from = performance.now();
        if ((await this.backend.extendLocks([id], [token], this.#lockMs)).length > 0) return undefined;
      }
      return from;
    }

    /** @param result a Report; BullMQ has just stopped to renew the lock */
    protected override async handleCompleted(
      result: unknown,
      job: AnyJob,
      token: string,
      fetchNext = (): boolean => true,
    ): Promise<AnyJob> {
      const report = result as Report;
      const id = String(job.id);
      const taken = this.#taken.get(id);
      if (report.kind === 'abandon' || this.closing || taken?.token !== token) {
        this.#free(id, taken);
        return undefined as never;
      }
      taken.isReporting = true;
      const [isDone, next] = await this.#report(report, job, token, fetchNext);
      this.#free(id, taken);
      if (!this.closing) this.#listener.onReported(id, isDone);
      return next as AnyJob;
    }

    #free(id: string, taken: Taken | undefined): void {
      if (taken === undefined) return;
      this.#taken.delete(id);
      taken.free();
    }

    async #report(
      report: Report,
      job: AnyJob,
      token: string,
      fetchNext: () => boolean,
    ): Promise<[isDone: boolean, next?: AnyJob | undefined]> {
      const id = String(job.id);
      // Renewed as soon as possible, while the store may be away.
      this.lockManager.trackJob(id, token, 1);
      const until = performance.now() + this.#lockMs;
      let mayFetch = fetchNext;
      while (!this.closing) {
        try {
          return [true, await this.#fetched(performance.now(), this.#send(report, job, token, mayFetch), token)];
        } catch (error) {
          // The store may have taken it, and its answer was lost.
          if (isLost(error)) return [await this.#isThere(report, id)];
          this.#listener.onStoreError(error);
          if (performance.now() >= until) return [false];
        }
        mayFetch = () => false;
        await pause(REPEAT_MS);
      }
      return [false];
    }

    async #send(report: Report, job: AnyJob, token: string, fetchNext: () => boolean): Promise<AnyJob | undefined> {
      switch (report.kind) {
        case 'completed':
          job.opts.removeOnComplete = this.#retention('completed');
          return super.handleCompleted(report.outcome, job, token, fetchNext);
        case 'failed':
          job.opts.removeOnFail = this.#retention('failed');
          return super.handleFailed(finalFailure(report.reason), job, token, fetchNext);
        case 'retry':
          await job.updateData(report.data);
          return super.handleFailed(new Failure(report.reason, report.delayMs), job, token, fetchNext);
        case 'return':
          await job.moveToWait(token);
          return undefined;
        default:
          return undefined;
      }
    }

    /**
     * Of the host, not of the task: the age of one that finishes prunes all that have finished.
     * That is a search in the store, so it is done now and then; the others are just kept.
     */
    #retention(as: 'completed' | 'failed'): KeepJobs | false {
      const now = performance.now();
      if (now - this.#prunedAt[as] < PRUNE_MS) return false;
      this.#prunedAt[as] = now;
      return this.#keep;
    }

    async #isThere(report: Report, id: string): Promise<boolean> {
      if (report.kind !== 'completed' && report.kind !== 'failed') return false;
      try {
        const [code, value] = (await this.backend.isFinished(id, true)) as unknown as readonly [number, string];
        return report.kind === 'completed' ? code === 1 && value === JSON.stringify(report.outcome) : code === 2 && value === report.reason;
      } catch {
        return false;
      }
    }

    override async extendJobLocks(ids: string[], tokens: string[], duration: number): Promise<string[]> {
      const askedAt = performance.now();
      const held = ids.map((id, index) => [id, tokens[index]] as const);
      const lost = new Set(await super.extendJobLocks(ids, tokens, duration));
      const isHere = ([id, token]: readonly [string, string | undefined]): boolean => this.#taken.get(id)?.token === token;
      const renewed = held.filter(([id]) => !lost.has(id)).filter(isHere);
      if (renewed.length > 0)
        this.#listener.onRenewed(
          renewed.map(([id]) => id),
          askedAt,
        );
      const losses = held.filter(([id]) => lost.has(id)).filter(isHere);
      for (const [id] of losses) this.lockManager.untrackJob(id);
      // Of one that is being reported, the report says it.
      const running = losses.filter(([id]) => this.#taken.get(id)?.isReporting === false);
      if (running.length > 0) this.#listener.onLost(running.map(([id]) => id));
      return [];
    }
  };

  function finalFailure(reason: string): Error {
    const error = new bullmq.UnrecoverableError(reason);
    error.stack = '';
    return error;
  }
}
