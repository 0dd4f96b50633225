/** A pool without processes: the test plays every worker, and the clock stands still until the test moves it. */
import type { Pool, PoolOptions } from 'everpool';
import { type Encoded, encode } from '../../src/ipc/codec/codec.js';
import { FrameType, type Message } from '../../src/ipc/frame.js';
import { FrameReader } from '../../src/ipc/frame-reader.js';
import { FrameWriter } from '../../src/ipc/frame-writer.js';
import { platformOf, Pool as SourcePool } from '../../src/pool/pool.js';
import type { ControlFile, ProcessListener, Spawner, WorkerProcess } from '../../src/shared/platform.js';
import { FakeClock } from './fake-clock.js';

/** A worker as its pool sees it: its process, its channel and its control file. Nothing happens in it by itself. */
export class ScriptedWorker implements WorkerProcess, ControlFile {
  readonly pid: number;
  readonly id: number;
  readonly controlFile: ControlFile = this;
  readonly unsentBytes = 0;
  /** What it was sent, oldest first. */
  readonly received: Message[] = [];
  /** The signals that it was sent. */
  readonly signals: NodeJS.Signals[] = [];
  /** The attempts that were recalled and not offered again. */
  readonly withdrawn: number[] = [];
  isReleased = false;
  /** How long it has waited for a processor. */
  waited = 0;
  readonly #listener: ProcessListener;
  readonly #clock: FakeClock;
  readonly #reader = new FrameReader((message) => this.received.push({ ...message, body: Buffer.from(message.body) }));
  readonly #writer = new FrameWriter();
  #offers: number[] = [];
  /** Taken back, and not offered again yet. */
  readonly #recalled = new Set<number>();
  #swept: ((isEmpty: boolean) => void) | undefined;
  #hasExited = false;

  constructor(id: number, listener: ProcessListener, clock: FakeClock) {
    this.id = id;
    this.pid = 1000 + id;
    this.#listener = listener;
    this.#clock = clock;
  }

  // ---- the test plays

  /** It has booted, and its module exports these functions. */
  boot(...exports: string[]): void {
    this.#listener.onSpawned();
    this.#say(FrameType.Ready, 0, encode(exports));
  }

  /** The attempts that it was sent and that are not withdrawn, by number. */
  get attempts(): number[] {
    return this.received.filter(({ type, seq }) => type === FrameType.Run && !this.withdrawn.includes(seq)).map(({ seq }) => seq);
  }

  /** It claims the attempts up to this one. */
  start(seq: number): void {
    this.#offers = this.#offers.filter((offer) => offer > seq);
  }

  returns(seq: number, value: unknown): void {
    this.start(seq);
    this.#say(FrameType.Result, seq, encode(value));
  }

  throws(seq: number, error: unknown): void {
    this.start(seq);
    this.#say(FrameType.Failure, seq, encode(error));
  }

  /** It sends these bytes, about the attempt. */
  sends(type: FrameType, seq: number, encoded: Encoded, flags = 0): void {
    this.start(seq);
    this.#say(type, seq, encoded, flags);
  }

  /** Its process ends, and everything that it had written was read. */
  exits(code: number | null, signal: NodeJS.Signals | null = null): void {
    this.#hasExited = true;
    this.#listener.onExit(code, signal);
    this.#listener.onReadEnd();
    this.#clock.advance(0);
    this.#swept?.(true);
  }

  #say(type: FrameType, seq: number, { codec, body, attachments }: Encoded, flags = 0): void {
    this.#writer.add({ type, codec, seq, time: this.#clock.now(), flags }, body, attachments);
    const bytes = Buffer.concat(this.#writer.take().map((part) => Buffer.from(part)));
    this.#listener.onData(bytes);
  }

  // ---- WorkerProcess

  send(parts: readonly Buffer[]): boolean {
    this.#reader.push(Buffer.concat(parts));
    return true;
  }
  disconnect(): void {
    this.#listener.onReadEnd();
  }
  signal(signal: NodeJS.Signals): boolean {
    this.signals.push(signal);
    return !this.#hasExited;
  }
  sweep(): Promise<boolean> {
    return this.#hasExited ? Promise.resolve(true) : new Promise((resolve) => (this.#swept = resolve));
  }
  flush(): Promise<void> {
    return Promise.resolve();
  }
  vitals(): undefined {
    return undefined;
  }
  waitedMs(): number {
    return this.waited;
  }
  stack(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
  release(): void {
    this.isReleased = true;
  }

  // ---- ControlFile

  readonly isLong = false;
  offer(seq: number): void {
    this.#offers.push(seq);
    this.#recalled.delete(seq);
  }
  commit(): boolean {
    this.withdrawn.push(...this.#recalled);
    this.#recalled.clear();
    return true;
  }
  unclaimed(): number {
    return this.#offers[0] ?? Number.POSITIVE_INFINITY;
  }
  recall(): number {
    const first = this.unclaimed();
    for (const seq of this.#offers) this.#recalled.add(seq);
    this.#offers = [];
    return first;
  }
  abort(): void {
    // the test reads the Abort message
  }
  expectItems(): void {
    // no chunks here
  }
  startedItems(): number {
    return 0;
  }
}

export interface ScriptedPool {
  readonly pool: Pool<object>;
  readonly clock: FakeClock;
  /** Every worker that was spawned, oldest first. */
  readonly workers: readonly ScriptedWorker[];
  /** The clock goes on, timers fire, and promises are answered. */
  pass(ms?: number): Promise<void>;
}

export function scriptedPool(options: PoolOptions = {}): ScriptedPool {
  const clock = new FakeClock();
  const workers: ScriptedWorker[] = [];
  const spawner: Spawner = {
    spawn: (id, listener) => {
      const worker = new ScriptedWorker(id, listener, clock);
      workers.push(worker);
      return worker;
    },
    close: () => undefined,
  };
  const journals = { open: () => Promise.reject(new Error('no journals here')) } as never;
  const real = platformOf.make;
  platformOf.make = () => ({ clock, spawner, journals, random: () => 0.5, spawnConcurrency: 8 });
  try {
    const pool = new SourcePool({ size: 1, heartbeat: false, ...options }) as unknown as Pool<object>;
    const pass = async (ms = 0): Promise<void> => {
      for (let turn = 0; turn < 20; turn += 1) {
        clock.advance(turn === 0 ? ms : 0);
        clock.runSoon();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    return { pool, clock, workers, pass };
  } finally {
    platformOf.make = real;
  }
}
