/**
 * Reads the events of one queue, for as long as the store is open. BullMQ's QueueEvents parses and
 * emits each event three times, most of which nobody awaits, and ends at one that it cannot parse.
 */
import { randomUUID } from 'node:crypto';
import type { BackendFactory, IQueueBackend } from 'bullmq';
import type { BullMQ } from './peers.js';
import { pause, within } from './waits.js';

const BLOCK_MS = 10_000;
const RESTART_MS = 500;
/** A page of more events than this is followed by a pause of as many milliseconds. */
const FEW_EVENTS = 4;
/** While many events come, they are read this often: each reading costs as much as a task. */
const MOST_PAUSE_MS = 20;
const PROBE = 'everpool-probe';
const PROBE_MS = 100;
const INTERRUPT_MS = 20;
const MOST_INTERRUPTS = 100;

/** The name of each field, followed by its value. */
export type EventFields = readonly string[];

export function fieldOf(fields: EventFields, name: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1];
  return undefined;
}

export class EventReader {
  readonly #isAftermath: (error: unknown) => boolean;
  readonly #backend: IQueueBackend;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Map<string, (fields: EventFields) => void>();
  /** Those that wait for the event with that probe. */
  readonly #probes = new Map<string, () => void>();
  #isClosed = false;
  #isReading = false;

  constructor(bullmq: BullMQ, name: string, factory: BackendFactory, onError: (error: unknown) => void) {
    this.#isAftermath = (error) => error instanceof Error && error.message === bullmq.CONNECTION_CLOSED_ERROR_MSG;
    this.#onError = onError;
    this.#backend = factory(name, { connection: {} }, { blocking: true });
    this.#backend.on('error', (error: unknown) => this.#failed(error));
    this.on(PROBE, (fields) => this.#probes.get(String(fieldOf(fields, 'probe')))?.());
    void this.#run();
  }

  /** One listener for each event. What it throws is an error of the event. */
  on(event: string, listener: (fields: EventFields) => void): void {
    this.#listeners.set(event, listener);
  }

  /**
   * Resolves once an event that was published after the call has been read.
   * @param backend of the same queue; the reader's own is blocked
   */
  async reads(backend: IQueueBackend): Promise<void> {
    const probe = randomUUID();
    let isSeen = false;
    const seen = new Promise<void>((resolve) => {
      this.#probes.set(probe, () => {
        isSeen = true;
        resolve();
      });
    });
    try {
      while (!isSeen && !this.#isClosed) {
        await backend.publishEvent({ event: PROBE, probe }, MOST_EVENTS);
        await within(PROBE_MS, seen);
      }
    } finally {
      this.#probes.delete(probe);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#interrupt()
      .then(() => this.#backend.close())
      .catch(() => undefined);
  }

  /** Repeated, because BullMQ misses it if the reading is only about to wait. */
  async #interrupt(): Promise<void> {
    for (let tries = 0; tries === 0 || (this.#isReading && tries < MOST_INTERRUPTS); tries += 1) {
      if (tries > 0) await pause(INTERRUPT_MS);
      await this.#backend.disconnect();
    }
  }

  async #run(): Promise<void> {
    for (let from = '$'; !this.#isClosed; ) {
      let pauseMs = 0;
      try {
        const events = await this.#read(from);
        for (const [id, fields] of events) {
          from = id;
          this.#deliver(fields);
        }
        if (events.length > FEW_EVENTS) pauseMs = Math.min(events.length, MOST_PAUSE_MS);
      } catch (error) {
        if (!this.#isAftermath(error)) this.#failed(error); // the connection has said why
        pauseMs = RESTART_MS;
      }
      if (pauseMs > 0) await pause(pauseMs);
    }
  }

  async #read(from: string): Promise<[id: string, fields: string[]][]> {
    this.#isReading = true;
    try {
      return (await this.#backend.readEvents(from, BLOCK_MS))?.[0]?.[1] ?? [];
    } finally {
      this.#isReading = false;
    }
  }

  #deliver(fields: EventFields): void {
    const listener = this.#listeners.get(fieldOf(fields, 'event') ?? '');
    if (listener === undefined || this.#isClosed) return;
    try {
      listener(fields);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (!this.#isClosed) this.#onError(error);
  }
}

/**
 * The events that are kept, of all clients and tasks: two to four for each task. A client that does
 * not read for longer finds its results by looking them up.
 */
export const MOST_EVENTS = 10_000;
