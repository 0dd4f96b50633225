/** The store of one client, over BullMQ. */
import type { IQueueBackend, JobJson, JobType } from 'bullmq';
import { check } from '../../shared/check.js';
import type { Connection, HostInfo } from '../types.js';
import { openConnection, Readiness, type StoreConnection } from './connection.js';
import { checkConnection, checkQueueName } from './connection-options.js';
import { type EventFields, EventReader, fieldOf } from './event-reader.js';
import { Health } from './health.js';
import { loadBullMQ } from './peers.js';
import { type AnyQueue, Queues } from './queues.js';
import { isLost, isRefusal } from './refusals.js';
import type { ClientStore, ClientStoreListener, NewTask, StoredTask, TaskStatus } from './types.js';
import { within } from './waits.js';

export interface ClientStoreOptions {
  readonly connection: Connection;
  /** Of the queue. */
  readonly name: string;
  readonly connectTimeoutMs: number;
}

/** It connects at once. @throws OptionsError */
export function openClientStore(options: ClientStoreOptions, listener: ClientStoreListener): ClientStore {
  return new BullClientStore(options, listener);
}

/** BullMQ takes lower numbers first, and 0 before all: so every task has one. */
const LOWEST_PRIORITY = 1_000_000;
/** BullMQ has no id that is an integer, or has a colon. */
const taskId = {
  text: '1 to 250 letters, digits, and - _ . @, but not digits alone',
  holds: (value: unknown): value is string => typeof value === 'string' && /^(?!\d+$)[A-Za-z0-9\-_.@]{1,250}$/.test(value),
};
const taskPriority = {
  text: 'an integer from -1,000,000 to 999,999',
  holds: (value: unknown): value is number => Number.isInteger(value) && Math.abs((value as number) + 0.5) < LOWEST_PRIORITY,
};
/** How long the first tasks wait until events are read. */
const LISTEN_MS = 1000;
/** So many ids are read together when all tasks are listed. */
const PAGE = 200;

/** In the order in which a task goes through them, so that one that moves meanwhile is met. */
const UNFINISHED: readonly (readonly [JobType, 'queued' | 'running' | 'waiting'])[] = [
  ['delayed', 'waiting'],
  ['prioritized', 'queued'],
  ['wait', 'queued'],
  ['paused' as JobType, 'queued'], // the whole queue, in a dashboard
  ['active', 'running'],
  ['prioritized', 'queued'],
  ['wait', 'queued'],
];

class BullClientStore implements ClientStore {
  readonly #connection: StoreConnection;
  readonly #queues: Queues;
  readonly #tasks: AnyQueue;
  readonly #backend: IQueueBackend;
  readonly #events: EventReader;
  readonly #health: Health;
  readonly #readiness = new Readiness();
  readonly #connectTimeoutMs: number;
  #listens: Promise<void> | undefined;

  constructor({ connection, name, connectTimeoutMs }: ClientStoreOptions, listener: ClientStoreListener) {
    const target = checkConnection('connection', connection);
    checkQueueName('name', name);
    const bullmq = loadBullMQ();
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#health = new Health(listener, () => this.#backend.getQueueMetaField('version'));
    const onError = (error: unknown): void => this.#failed(error);
    this.#connection = openConnection(target, 'client', onError);
    this.#queues = new Queues(bullmq, name, this.#connection, onError);
    this.#tasks = this.#queues.tasks;
    this.#backend = this.#tasks.getBackend();
    this.#events = new EventReader(bullmq, name, this.#connection.factory, (error) => this.#unreadable(error));
    listen(this.#events, listener);
  }

  ready(): Promise<void> {
    return this.#readiness.reach(async () => {
      await this.#connection.connect();
      await this.#queues.describe();
      await this.#backend.isFinished('-');
      await this.#events.reads(this.#backend);
    }, this.#connectTimeoutMs);
  }

  async add(tasks: readonly NewTask[]): Promise<void> {
    const jobs = tasks.map(({ id, name, data, priority, retries }) => ({
      name: name.replace(/\p{Cc}/gu, ' ') || 'task', // PostgreSQL refuses NUL
      data,
      opts: {
        jobId: check('id', taskId, id),
        priority: LOWEST_PRIORITY - check('priority', taskPriority, priority),
        attempts: 1 + retries,
        backoff: { type: 'custom' },
        stackTraceLimit: 0,
      },
    }));
    // What happens before events are read is found by a sweep only, which comes late.
    this.#listens ??= within(LISTEN_MS, this.#events.reads(this.#backend));
    await this.#listens;
    await this.#call(this.#tasks.addBulk(jobs));
  }

  remove(id: string): Promise<'removed' | 'taken' | 'missing'> {
    return this.#call(this.#connection.remove(this.#backend, id));
  }

  discard(ids: readonly string[]): Promise<void> {
    return this.#call(this.#connection.discard(this.#backend, ids));
  }

  async statuses(ids: readonly string[]): Promise<TaskStatus[]> {
    return (await this.#call(this.#connection.statuses(this.#backend, ids))).map(statusOf);
  }

  read(ids: readonly string[]): Promise<(StoredTask | undefined)[]> {
    return this.#each(ids, async (id) => {
      const job = await this.#backend.getJobData(id);
      if (job === undefined) return undefined;
      return { id, data: parsed(job.data), status: statusOfJob(job), wasTaken: (job.attemptsStarted ?? 0) > 0 };
    });
  }

  async heads(ids: readonly string[]): Promise<(string | undefined)[]> {
    const heads = await this.#call(this.#connection.heads(this.#backend, ids));
    return heads.map((head) => (typeof head === 'string' ? head : undefined));
  }

  async rows(id: string): Promise<readonly string[]> {
    const { logs } = await this.#call(this.#backend.getJobLogs(id, 0, -1, true));
    return logs;
  }

  async *unfinished(): AsyncIterable<StoredTask> {
    const seen = new Set<string>();
    for (const [type, as] of UNFINISHED) {
      const [all = []] = (await this.#call(this.#backend.getRanges([type], 0, -1, true))) as string[][];
      const ids = all.filter((id) => !seen.has(id));
      for (let at = 0; at < ids.length; at += PAGE) {
        for (const task of await this.read(ids.slice(at, at + PAGE))) {
          if (task === undefined || seen.has(task.id)) continue;
          seen.add(task.id);
          if (task.status.state === 'unfinished') yield { ...task, status: { state: 'unfinished', as } };
        }
      }
    }
  }

  publishEnd(message: string): Promise<void> {
    return this.#call(this.#queues.publishEnd(message));
  }

  publishEnded(message: string): Promise<void> {
    return this.#call(this.#queues.publishEnded(message));
  }

  async counts(): Promise<{ queued: number; running: number; waiting: number; kept: number }> {
    const types = ['wait', 'paused', 'prioritized', 'active', 'delayed', 'completed', 'failed'];
    const counts = await this.#call(this.#backend.getCounts(types as JobType[]));
    const [wait = 0, paused = 0, prioritized = 0, running = 0, waiting = 0, completed = 0, failed = 0] = counts;
    return { queued: wait + paused + prioritized, running, waiting, kept: completed + failed };
  }

  hosts(): Promise<HostInfo[]> {
    return this.#call(this.#queues.hosts());
  }

  // ---- named batches

  async createBatch(id: string, text: string): Promise<string> {
    await this.#addBatch(id, text);
    return (await this.readBatch(id)) ?? text;
  }

  async readBatch(id: string): Promise<string | undefined> {
    const job = await this.#call(this.#queues.batches.getBackend().getJobData(batchKey(id)));
    const data = job === undefined ? undefined : parsed(job.data);
    const text: unknown = typeof data === 'object' && data !== null ? (data as { text?: unknown }).text : undefined;
    return typeof text === 'string' ? text : undefined;
  }

  async updateBatch(id: string, text: string): Promise<void> {
    try {
      await this.#call(this.#queues.batches.getBackend().updateData({ id: batchKey(id) } as never, { text }));
    } catch (error) {
      if (!isLost(error)) throw error;
      await this.#addBatch(id, text); // A host has removed it, because it is old.
    }
  }

  async removeBatch(id: string): Promise<void> {
    await this.#call(this.#queues.batches.getBackend().remove(batchKey(id), false));
  }

  async #addBatch(id: string, text: string): Promise<void> {
    await this.#call(this.#queues.batches.add('batch', { text }, { jobId: batchKey(id) }));
  }

  async close(): Promise<void> {
    this.#readiness.close();
    this.#health.close();
    this.#events.close();
    await this.#connection.close();
  }

  // ---- errors

  async #call<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (!isRefusal(error)) this.#failed(error);
      throw error;
    }
  }

  /** A few at a time, in the order of the ids. */
  async #each<T>(ids: readonly string[], call: (id: string) => Promise<T>): Promise<T[]> {
    const results: T[] = [];
    const { breadth } = this.#connection;
    for (let at = 0; at < ids.length; at += breadth) {
      results.push(...(await this.#call(Promise.all(ids.slice(at, at + breadth).map(call)))));
    }
    return results;
  }

  #failed(error: unknown): void {
    this.#readiness.saw(error);
    this.#health.failed(error);
  }

  #unreadable(error: unknown): void {
    if (error instanceof SyntaxError) this.#health.odd(error);
    else this.#failed(error);
  }
}

/** An id of BullMQ cannot be an integer. */
function batchKey(id: string): string {
  return `b-${id}`;
}

function listen(events: EventReader, listener: ClientStoreListener): void {
  const about = (event: string, report: (id: string, fields: EventFields) => void): void =>
    events.on(event, (fields) => {
      const id = fieldOf(fields, 'jobId');
      if (id !== undefined && listener.awaits(id)) report(id, fields);
    });
  about('active', (id) => listener.onEvent({ kind: 'taken', id }));
  about('waiting', (id) => listener.onEvent({ kind: 'queued', id }));
  about('delayed', (id) => listener.onEvent({ kind: 'waiting', id }));
  about('completed', (id, fields) =>
    listener.onEvent({ kind: 'completed', id, outcome: JSON.parse(fieldOf(fields, 'returnvalue') ?? '') }),
  );
  about('failed', (id, fields) => listener.onEvent({ kind: 'failed', id, reason: fieldOf(fields, 'failedReason') }));
  about('progress', (id, fields) => listener.onEvent({ kind: 'progress', id, message: JSON.parse(fieldOf(fields, 'data') ?? '') }));
  about('removed', (id) => listener.onEvent({ kind: 'removed', id }));
  events.on('ended', (fields) => listener.onEvent({ kind: 'ended', message: fieldOf(fields, 'message') }));
}

/** What `isFinished` of BullMQ answers. PostgreSQL adds the state of what is unfinished. */
function statusOf([code, value]: readonly [number, unknown]): TaskStatus {
  if (code === -1) return { state: 'missing' };
  if (code === 1) return { state: 'completed', outcome: parsed(value) };
  if (code === 2) return { state: 'failed', reason: value };
  // Its `active` event may have been lost.
  return value === 'active' ? { state: 'unfinished', as: 'running' } : { state: 'unfinished' };
}

/** A job that failed once, and completed then, has a reason as well as an outcome. */
function statusOfJob({ finishedOn, returnvalue, failedReason }: JobJson): TaskStatus {
  if (finishedOn === undefined || finishedOn === null) return { state: 'unfinished' };
  const outcome = parsed(returnvalue);
  if (outcome !== undefined && outcome !== null) return { state: 'completed', outcome };
  return failedReason === undefined ? { state: 'completed', outcome } : { state: 'failed', reason: failedReason };
}

function parsed(text: unknown): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
