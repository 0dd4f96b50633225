/**
 * The three queues of a cluster: the tasks; `~control`, whose events are messages to the hosts, and
 * whose metadata is the list of hosts; `~batches`, whose jobs nobody takes: the named batches.
 */
import { randomUUID } from 'node:crypto';
import type { IQueueBackend, Queue } from 'bullmq';
import type { HostInfo } from '../types.js';
import type { StoreConnection } from './connection.js';
import { MOST_EVENTS } from './event-reader.js';
import type { BullMQ } from './peers.js';

export type AnyQueue = Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend>;

/** Of the events of the control queue, which are small and rare. */
const MOST_MESSAGES = 10_000;
const HOST = 'host:';

export class Queues {
  readonly tasks: AnyQueue;
  readonly batches: AnyQueue;
  readonly control: IQueueBackend;
  readonly controlName: string;

  static namesOf(name: string): string[] {
    return [name, `${name}~batches`];
  }

  constructor(bullmq: BullMQ, name: string, connection: StoreConnection, onError: (error: unknown) => void) {
    const open = (queueName: string): AnyQueue => {
      const options = { connection: {}, skipMetasUpdate: true, streams: { events: { maxLen: MOST_EVENTS } } };
      const queue: AnyQueue = new bullmq.Queue(queueName, options, connection.factory);
      queue.on('error', onError);
      return queue;
    };
    this.controlName = `${name}~control`;
    this.tasks = open(name);
    this.batches = open(`${name}~batches`);
    this.control = this.tasks.getBackend().forQueue(this.controlName);
  }

  /** Says how many events are kept, which BullMQ does only if the store answers at first. */
  async describe(): Promise<void> {
    await this.tasks.getBackend().setQueueMeta({ 'opts.maxLenEvents': MOST_EVENTS });
  }

  /** To all hosts. */
  async publishEnd(message: string): Promise<void> {
    await this.control.publishEvent({ event: 'end', message }, MOST_MESSAGES);
  }

  /** To all clients. */
  async publishEnded(message: string): Promise<void> {
    await this.tasks.getBackend().publishEvent({ event: 'ended', message }, MOST_EVENTS);
  }

  // ---- the list of hosts

  async hosts(): Promise<HostInfo[]> {
    const fields = await this.control.getQueueMeta();
    const hosts: HostInfo[] = [];
    const stale: string[] = [];
    for (const [key, text] of Object.entries(fields)) {
      if (!key.startsWith(HOST)) continue;
      const host = readHost(text);
      if (host !== undefined && host.until > Date.now()) hosts.push({ name: host.name, slots: host.slots });
      else stale.push(key);
    }
    if (stale.length > 0) await this.control.removeQueueMetaFields(stale);
    return hosts.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** One host in the list. */
export class HostEntry {
  readonly #control: IQueueBackend;
  readonly #key = HOST + randomUUID();

  constructor(control: IQueueBackend) {
    this.#control = control;
  }

  async write({ name, slots }: HostInfo, forMs: number): Promise<void> {
    await this.#control.setQueueMeta({ [this.#key]: JSON.stringify({ name, slots, until: Date.now() + forMs }) });
  }

  async remove(): Promise<void> {
    await this.#control.removeQueueMetaFields([this.#key]);
  }
}

function readHost(text: unknown): { name: string; slots: number; until: number } | undefined {
  try {
    const { name, slots, until } = JSON.parse(String(text)) as Readonly<Record<string, unknown>>;
    if (typeof name === 'string' && Number.isSafeInteger(slots) && typeof until === 'number')
      return { name, slots: slots as number, until };
  } catch {
    // Not written by a host.
  }
  return undefined;
}
