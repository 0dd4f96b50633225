/**
 * Hosts as processes of their own, and a client that puts tasks into the store and reads their
 * outcomes, without the engine of a Cluster. All that is left is ended by `endAll`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { serve } from '../../dist/cluster/serve.js';
import { openClientStore } from '../../src/cluster/store/bull-client-store.js';
import type { ClientStore, TaskStatus } from '../../src/cluster/store/types.js';
import type { Connection, Host, ServeOptions } from '../../src/cluster/types.js';
import { writeEnd } from '../../src/cluster/wire/messages.js';
import { join, readOutcome, readReason, type WiredOutcome } from '../../src/cluster/wire/outcome.js';
import { Seals } from '../../src/cluster/wire/seal.js';
import { type TaskHead, writeTask } from '../../src/cluster/wire/task.js';
import { fromText, toText } from '../../src/cluster/wire/text.js';
import { decode, encode } from '../../src/ipc/codec/codec.js';
import { fixture, isRunning, linesOf, until } from './pools.js';

const MODULE = fixture('cluster/tasks.js');
const PROGRAM = new URL('../fixtures/cluster/host.js', import.meta.url).pathname;

const ends: (() => Promise<unknown> | unknown)[] = [];

/** To be called by `endAll`. */
export function atEnd(end: () => Promise<unknown> | unknown): void {
  ends.push(end);
}

export async function endAll(): Promise<void> {
  await Promise.all(ends.splice(0).map((end) => end()));
}

type Given = Omit<Partial<ServeOptions>, 'signal'>;
/** Short, so that a test sees the end of a lock. */
const SHORT: Given = { lockMs: 2000, checkMs: 500 };

// ---- a host in this process

export async function newHost(connection: Connection, name: string, options: Partial<ServeOptions> = {}, module = MODULE): Promise<Host> {
  const host = (await serve(module, { ...SHORT, connection, name, pool: { size: 1 }, ...options })) as unknown as Host;
  ends.push(() => host.close({ drainMs: 0 }));
  return host;
}

// ---- a process that prints what happens

export interface Said {
  readonly event: string;
  readonly id?: string;
  readonly ids?: readonly string[];
  readonly outcome?: string;
  readonly at: number;
}

export class Program<E extends Said = Said> {
  readonly child: ChildProcess;
  readonly events: E[] = [];
  readonly exited: Promise<number | null>;

  /** @param path a program that prints one JSON a line; its argument is JSON, too */
  constructor(path: string, argument: unknown, flags: readonly string[] = []) {
    this.child = spawn(process.execPath, [...flags, path, JSON.stringify(argument)], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.exited = once(this.child, 'exit').then(([code]) => code as number | null);
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      if (line.startsWith('{')) this.events.push({ ...(JSON.parse(line) as E), at: Date.now() });
    });
  }

  get pid(): number {
    return this.child.pid as number;
  }
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }
  has(event: string, id?: string): boolean {
    return this.events.some((each) => each.event === event && (id === undefined || each.id === id));
  }
  /** Resolves once it has said so; rejects if it exits before. */
  async says(event: string): Promise<void> {
    const exited = this.exited.then((code) => {
      if (!this.has(event)) throw new Error(`it has exited with ${code}, and has not said '${event}'`);
    });
    await Promise.race([until(`it says '${event}'`, () => this.has(event)), exited]);
  }
  async ended(): Promise<void> {
    if (isRunning(this.pid)) this.signal('SIGKILL');
    await this.exited;
  }
}

// ---- a host as a process

export class HostProcess extends Program {
  get workers(): number[] {
    return (this.events.find(({ event }) => event === 'ready') as { pids?: number[] } | undefined)?.pids ?? [];
  }
  override async ended(): Promise<void> {
    await super.ended();
    await until('no worker of the host is left', () => !this.workers.some(isRunning));
  }
}

/** @param program host.js, or a copy of it beside another everpool */
export async function newHostProcess(
  connection: Connection,
  name: string,
  options: Given = {},
  program: string = PROGRAM,
): Promise<HostProcess> {
  const given: ServeOptions = { ...SHORT, connection, name, pool: { size: 1 }, ...options };
  const host = new HostProcess(program, { module: MODULE, options: given });
  ends.push(() => host.ended());
  await host.says('ready');
  return host;
}

// ---- a client

export class TestClient {
  readonly store: ClientStore;
  readonly progress: string[] = [];
  readonly #seals: Seals;

  constructor(connection: Connection, name: string, secrets: readonly string[]) {
    this.#seals = new Seals(secrets);
    this.store = openClientStore(
      { connection, name, connectTimeoutMs: 20_000 },
      {
        awaits: () => true,
        onEvent: (event) => {
          if (event.kind === 'progress') this.progress.push(String(event.message));
        },
        onError: () => undefined,
        onRecovered: () => undefined,
      },
    );
  }

  async add(id: string, name: string, args: readonly unknown[] = [], head: Partial<TaskHead> = {}): Promise<void> {
    const retries = { crash: 0, timeout: 0, error: 0, ...head.retries };
    const full: TaskHead = { name, at: Date.now(), client: 'c', delaysMs: [], ...head, retries };
    const data = writeTask(id, full, toText(encode(args)), this.#seals);
    await this.store.add([{ id, name, data, priority: 0, retries: retries.crash + retries.timeout + retries.error }]);
  }

  async addRaw(id: string, data: unknown): Promise<void> {
    await this.store.add([{ id, name: 'raw', data: data as never, priority: 0, retries: 0 }]);
  }

  end(id: string, how: 'cancel' | 'kill', reason: unknown): Promise<void> {
    return this.store.publishEnd(writeEnd('end', { id, how, reason: toText(encode(reason)) }, this.#seals));
  }

  async status(id: string): Promise<TaskStatus> {
    return (await this.store.statuses([id]))[0] as TaskStatus;
  }

  async outcome(id: string): Promise<WiredOutcome> {
    let status: TaskStatus | undefined;
    await until(`${id} is finished`, async () => {
      status = await this.status(id);
      return status.state === 'completed' || status.state === 'failed';
    });
    const outcome =
      status?.state === 'completed'
        ? readOutcome(id, status.outcome, this.#seals)
        : readReason(id, (status as { reason?: unknown }).reason, this.#seals);
    if (outcome === undefined) throw new Error(`no outcome: ${JSON.stringify(status)}`);
    if (outcome.pieces === undefined) return outcome;
    return { ...outcome, text: join(await this.store.rows(id), outcome.pieces) };
  }

  /** The value, or the error. */
  async result(id: string): Promise<unknown> {
    const { text } = await this.outcome(id);
    const encoded = fromText(text);
    return encoded === undefined ? undefined : decode(encoded.codec, encoded.body ?? '', encoded.attachments);
  }
}

export async function newClient(connection: Connection, name: string, secrets: readonly string[] = []): Promise<TestClient> {
  const client = new TestClient(connection, name, secrets);
  ends.push(() => client.store.close());
  await client.store.ready();
  return client;
}

// ---- the ledger

export interface Line {
  readonly what: string;
  readonly name: string;
  readonly pid: number;
  readonly at: number;
}

export function ledgerOf(file: string): Line[] {
  return linesOf(file).map((line) => {
    const [what, name, pid, at] = line.split(' ') as [string, string, string, string];
    return { what, name, pid: Number(pid), at: Number(at) };
  });
}

export function starts(file: string, name: string): number {
  return ledgerOf(file).filter((line) => line.what === 'start' && line.name === name).length;
}
