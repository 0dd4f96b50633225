/**
 * A worker that is no process: its runner works beside the test, in the same one (platform.ts, Spawner).
 *
 * Everything between pool and task is the real thing: the protocol, the codec, the runner. Only its end is not: code cannot
 * be killed here, so a killed worker is merely cut off, and what it still does is heard by nobody.
 */
import type { AbortKind, Clock, ControlFile, ProcessListener, Spawner, WorkerProcess } from '../shared/platform.js';
import { compile } from '../worker/compile.js';
import { globalHook, installGlobalHook } from '../worker/global-hook.js';
import type { WorkerControlFile, WorkerPlatform } from '../worker/platform.js';
import { Runner } from '../worker/runner.js';

class InlineNote implements ControlFile, WorkerControlFile {
  #started = 0;
  readonly #revoked = new Set<number>();
  readonly #aborts = new Map<number, AbortKind>();
  readonly #items = new Map<number, number>();

  started(): number {
    return this.#started;
  }
  revoke(first: number, last: number): void {
    for (let seq = first; seq <= last; seq++) this.#revoked.add(seq);
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
  start(seq: number): void {
    this.#started = seq;
  }
  startItems(seq: number, count: number): void {
    this.#items.set(seq, count);
  }
  isRevoked(seq: number): boolean {
    return this.#revoked.has(seq);
  }
  abortKind(seq: number): AbortKind | undefined {
    return this.#aborts.get(seq);
  }
}

/** Runners that may be asked for a context; the module's hooks belong to the one that imports it. */
const runners = new Set<Runner>();
let booting: Runner | undefined;

class InlineProcess implements WorkerProcess {
  readonly pid: number;
  readonly controlFile: InlineNote = new InlineNote();
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
    this.#later((heard) => heard.onSpawned());
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
    return Promise.resolve(); // what it prints is printed
  }

  vitals(): undefined {
    return undefined; // of its own it has none
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
    this.#later((heard) => {
      heard.onExit(code, signal);
      heard.onReadEnd();
    });
  }

  #later(tell: (listener: ProcessListener) => void): void {
    this.#clock.afterPoll(() => {
      if (this.#listener !== undefined) tell(this.#listener);
    });
  }

  #platform(): WorkerPlatform {
    return {
      now: () => this.#clock.now(),
      controlFile: this.controlFile,
      send: (parts) => {
        if (this.#hasEnded) return;
        const bytes = Buffer.concat(parts);
        this.#later((heard) => heard.onData(bytes));
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
      print: (text) => this.#later((heard) => heard.onOutput('stderr', Buffer.from(text))),
    };
  }
}

/** Joins `everpool/worker` to whichever runner is asked. */
function linkRunners(): void {
  if (globalHook() !== undefined) return;
  installGlobalHook({
    context: () => {
      let failure: unknown;
      for (const runner of runners) {
        try {
          return runner.context();
        } catch (error) {
          failure = error; // not in this one
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
    // Its processes have ended one by one.
  }
}
