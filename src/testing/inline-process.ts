/**
 * A worker without a process: its runner works in the process of the test (platform.ts, Spawner).
 *
 * Everything between pool and task is real: the protocol, the codec, the runner. Only its end is
 * not: code in the same process cannot be killed, so a killed worker is cut off and its replies are
 * dropped.
 */
import type { AbortKind, Clock, ControlFile, ProcessListener, Spawner, WorkerProcess } from '../shared/platform.js';
import { compile } from '../worker/compile.js';
import { globalHook, installGlobalHook } from '../worker/global-hook.js';
import type { WorkerControlFile, WorkerPlatform } from '../worker/platform.js';
import { Runner } from '../worker/runner.js';

class InlineControlFile implements ControlFile, WorkerControlFile {
  #offers: number[] = [];
  readonly #aborts = new Map<number, AbortKind>();
  readonly #items = new Map<number, number>();

  readonly isLong = false;
  offer(seq: number): void {
    this.#offers.push(seq);
  }
  commit(): boolean {
    return true;
  }
  unclaimed(): number {
    return this.#offers[0] ?? Number.POSITIVE_INFINITY;
  }
  recall(): number {
    const first = this.unclaimed();
    this.#offers = [];
    return first;
  }
  abort(seq: number, kind: AbortKind): void {
    this.#aborts.set(seq, kind);
  }
  expectItems(seq: number): void {
    this.#items.set(seq, 0);
  }
  startedItems(seq: number): number {
    return this.#items.get(seq) ?? 0;
  }
  claim(): number {
    return this.#offers.shift() ?? 0;
  }
  startItems(seq: number, count: number): void {
    this.#items.set(seq, count);
  }
  abortKind(seq: number): AbortKind | undefined {
    return this.#aborts.get(seq);
  }
}

/** The runners that may have the current context. */
const runners = new Set<Runner>();
/** The runner that imports a task module: it gets the module's hooks. */
let booting: Runner | undefined;

class InlineProcess implements WorkerProcess {
  readonly pid: number;
  readonly controlFile: InlineControlFile = new InlineControlFile();
  readonly #clock: Clock;
  readonly #runner: Runner;
  #listener: ProcessListener | undefined;
  #hasEnded = false;

  constructor(pid: number, clock: Clock, listener: ProcessListener) {
    this.pid = pid;
    this.#clock = clock;
    this.#listener = listener;
    this.#runner = new Runner(this.#platform());
    this.#runner.current.track();
    runners.add(this.#runner);
    this.#later((listener) => listener.onSpawned());
  }

  readonly unsentBytes = 0;

  send(parts: readonly Buffer[]): boolean {
    const bytes = Buffer.concat(parts);
    this.#clock.afterPoll(() => {
      if (!this.#hasEnded) this.#runner.receive(bytes);
    });
    return true;
  }

  disconnect(): void {
    this.#end(1, null);
  }

  signal(signal: NodeJS.Signals): boolean {
    if (this.#hasEnded || this.#listener === undefined) return false;
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') this.#end(null, signal);
    return true;
  }

  sweep(): Promise<boolean> {
    this.#end(null, 'SIGKILL');
    return Promise.resolve(true);
  }

  flush(): Promise<void> {
    return Promise.resolve(); // nothing is buffered
  }

  vitals(): undefined {
    return undefined; // the process is not its own
  }

  waitedMs(): number {
    return 0;
  }

  stack(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  release(): void {
    this.#listener = undefined;
    this.#end(null, 'SIGKILL');
  }

  #end(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    runners.delete(this.#runner);
    this.#later((listener) => {
      listener.onExit(code, signal);
      listener.onReadEnd();
    });
  }

  #later(report: (listener: ProcessListener) => void): void {
    this.#clock.afterPoll(() => {
      if (this.#listener !== undefined) report(this.#listener);
    });
  }

  #platform(): WorkerPlatform {
    return {
      now: () => this.#clock.now(),
      controlFile: this.controlFile,
      send: (parts) => {
        if (this.#hasEnded) return;
        const bytes = Buffer.concat(parts);
        this.#later((listener) => listener.onData(bytes));
      },
      exit: (code) => this.#end(code, null),
      load: async (module) => {
        if (module === undefined) return {};
        booting = this.#runner;
        try {
          return (await import(module)) as Record<string, unknown>;
        } finally {
          booting = undefined;
        }
      },
      compile,
      print: (text) => this.#later((listener) => listener.onOutput('stderr', Buffer.from(text))),
    };
  }
}

/** Connects `everpool/worker` to the runners. */
function linkRunners(): void {
  if (globalHook() !== undefined) return;
  installGlobalHook({
    context: () => {
      let failure: unknown;
      for (const runner of runners) {
        try {
          return runner.context();
        } catch (error) {
          failure = error; // the calling task runs in another
        }
      }
      throw failure ?? new Error('context() was called outside of a task');
    },
    track: () => undefined,
    onStart: (hook) => booting?.hooks.onStart(hook),
    onStop: (hook) => booting?.hooks.onStop(hook),
  });
}

export class InlineSpawner implements Spawner {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    linkRunners();
  }

  spawn(_workerId: number, listener: ProcessListener): WorkerProcess {
    return new InlineProcess(process.pid, this.#clock, listener);
  }

  close(): void {
    // The pool has ended its workers one by one.
  }
}
