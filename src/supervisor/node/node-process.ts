/**
 * One real worker process, from `spawn` until `release` (platform.ts, WorkerProcess).
 *
 * Owns the child's handle, its channel, its output pipes, its note and what the guard knows of it.
 * Never throws, and no event of the child ever escapes as an exception (G9).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Clock, ControlFile, ProcessListener, Vitals, WorkerProcess } from '../../shared/platform.js';
import { UnlinkedControlFile } from './control-file.js';
import { requireDescriptors } from './descriptors.js';
import { inspectorStack } from './inspector-stack.js';
import { NodeChannel } from './node-channel.js';
import { NodeOutput } from './node-output.js';
import type { OrphanReaper } from './orphan-reaper.js';
import { ProcStat } from './proc-stat.js';
import { endGroup, signalProcess } from './process-group.js';

export interface NodeProcessOptions {
  /** What the worker runs: what stands between Node's own options and its arguments (worker-code.ts). */
  readonly entry: readonly string[];
  /** How the URLs of its frames begin that are no part of a task. */
  readonly ownFrames: string;
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly argv: readonly string[];
  /** Complete: nothing is added. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly stdout: 'inherit' | 'ignore' | 'pipe';
  readonly stderr: 'inherit' | 'ignore' | 'pipe';
  /** Whether signals go to the worker's descendants too. */
  readonly killTree: boolean;
  /** How long its title may be (worker/title.ts), in bytes. */
  readonly titleRoom: number;
  /** Whether `stack` will be asked for: its inspector is told to take any port, and its stderr is read. */
  readonly diagnose: boolean;
}

/** The descriptors of the worker, beside the usual three. */
const TO_WORKER = 3;
const FROM_WORKER = 4;

const GONE: Promise<boolean> = Promise.resolve(true);

const NO_NOTE: ControlFile = {
  started: () => 0,
  revoke: () => undefined,
  abort: () => undefined,
  expectItems: () => undefined,
  startedItems: () => 0,
};

export class NodeProcess implements WorkerProcess {
  readonly pid: number | undefined;
  readonly controlFile: ControlFile;
  readonly #killTree: boolean;
  readonly #ownFrames: string;
  readonly #orphanReaper: OrphanReaper;
  readonly #clock: Clock;
  readonly #file: UnlinkedControlFile | undefined;
  readonly #vitals: ProcStat | undefined;
  readonly #channel: NodeChannel | undefined;
  readonly #outputs: readonly NodeOutput[] = [];
  readonly #stderr: NodeOutput | undefined; // of one that may be diagnosed
  /** Until `release`, or the error that says that it never started. */
  #listener: ProcessListener | undefined;
  #exited = false;
  #groupGone = false;

  constructor(options: NodeProcessOptions, orphanReaper: OrphanReaper, clock: Clock, listener: ProcessListener) {
    this.#killTree = options.killTree;
    this.#ownFrames = options.ownFrames;
    this.#orphanReaper = orphanReaper;
    this.#clock = clock;
    this.#listener = listener;
    this.controlFile = NO_NOTE;
    let child: ChildProcess;
    try {
      this.#file = new UnlinkedControlFile();
      this.controlFile = this.#file;
      requireDescriptors(4);
      child = start(options, this.#file.fd);
    } catch (error) {
      // E2BIG, EPERM and a NUL byte throw from `spawn`, and EMFILE from what comes before it.
      clock.afterPoll(() => this.#failed(error as Error));
      return;
    }
    this.pid = child.pid;
    child.unref();
    child.on('error', (error) => {
      // With a pid, it is not about the start, and the process ends by its exit.
      if (child.pid === undefined) this.#failed(error);
    });
    const { pid } = child;
    // Where descriptors ran out all the same there is no `stdio` at all.
    const stdio: readonly unknown[] = child.stdio ?? [];
    if (pid === undefined) {
      for (const stream of stdio) discard(stream as Socket | null);
      return;
    }
    child.once('exit', (code, signal) => this.#onExit(code, signal));
    this.#vitals = new ProcStat(pid);
    this.#channel = new NodeChannel(stdio[TO_WORKER] as Socket, stdio[FROM_WORKER] as Socket, clock, listener);
    this.#outputs = this.#openOutputs(options, child);
    if (options.diagnose) this.#stderr = this.#outputs.at(-1);
    // Told at once, before the event: code given by `--import` runs without waiting for a boot frame (G8).
    let awaited = 2;
    const ready = (): void => {
      if (--awaited === 0 && !this.#exited) this.#listener?.onSpawned();
    };
    child.once('spawn', ready);
    orphanReaper.add(pid, ready);
  }

  get unsentBytes(): number {
    return this.#channel?.unsentBytes ?? 0;
  }

  send(bytes: readonly Buffer[]): boolean {
    return this.#channel?.send(bytes) ?? true;
  }

  disconnect(): void {
    this.#channel?.disconnect();
  }

  signal(signal: NodeJS.Signals): boolean {
    // Reaped: its pid may be another's by now. `sweep` ends what is left of its group.
    if (this.pid === undefined || this.#exited || this.#listener === undefined) return false;
    const reach = signalProcess(this.pid, signal, this.#killTree);
    // A stopped process takes no signal but SIGKILL until it goes on.
    if (reach === 'sent' && signal !== 'SIGSTOP' && signal !== 'SIGCONT') signalProcess(this.pid, 'SIGCONT', this.#killTree);
    return reach === 'sent';
  }

  sweep(boundMs: number): Promise<boolean> {
    const { pid } = this;
    if (pid === undefined || (this.#exited && (this.#groupGone || !this.#killTree))) return GONE;
    return endGroup({ pid, tree: this.#killTree, exited: () => this.#exited, boundMs, clock: this.#clock });
  }

  async flush(limitMs: number): Promise<void> {
    await Promise.all(this.#outputs.map((output) => output.flush(limitMs)));
  }

  vitals(): Vitals | undefined {
    return this.#exited || this.#listener === undefined ? undefined : this.#vitals?.read();
  }

  stack(limitMs: number): Promise<string | undefined> {
    if (this.pid === undefined || this.#exited || this.#stderr === undefined) return Promise.resolve(undefined);
    return inspectorStack(this.pid, this.#stderr, limitMs, this.#ownFrames, this.#clock);
  }

  release(): void {
    this.#listener = undefined;
    this.#channel?.release();
    for (const output of this.#outputs) output.release();
    this.#file?.close();
    this.#vitals?.close();
    if (this.pid !== undefined) this.#orphanReaper.remove(this.pid);
  }

  #openOutputs(options: NodeProcessOptions, child: ChildProcess): NodeOutput[] {
    const outputs: NodeOutput[] = [];
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = child[name] as Socket | null;
      if (stream === null) continue;
      const forwards = name === 'stderr' && options.stderr === 'inherit';
      const isHeard = options[name] !== 'ignore';
      const report = (chunk: Buffer): void => {
        if (isHeard) this.#listener?.onOutput(name, chunk);
      };
      outputs.push(new NodeOutput(stream, forwards, this.#clock, report));
    }
    return outputs;
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#exited = true;
    this.#channel?.exited();
    if (this.pid !== undefined && signalProcess(this.pid, 0, true) === 'absent') {
      // The usual case. From here on the number may be given away, and nothing may be signalled by it.
      this.#groupGone = true;
      this.#orphanReaper.remove(this.pid);
    }
    this.#listener?.onExit(code, signal);
  }

  #failed(error: Error): void {
    this.#file?.close();
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.onSpawnError(error);
  }
}

function start(options: NodeProcessOptions, noteFd: number): ChildProcess {
  return spawn(options.execPath, [...options.execArgv, ...options.entry, ...options.argv], {
    // A descriptor for each direction (node-channel.ts). Node opens its own ends close-on-exec, so no other
    // worker inherits them (G13).
    stdio: ['ignore', options.stdout, options.stderr === 'ignore' && !options.diagnose ? 'ignore' : 'pipe', 'pipe', 'pipe', noteFd],
    // A session and group of its own: to be signalled with its descendants, and out of reach of the terminal's Ctrl-C.
    detached: process.platform !== 'win32',
    windowsHide: true,
    // The title of a process has no more room than its arguments had: where these are short, they are made longer.
    argv0: options.execPath.padEnd(options.titleRoom - options.entry.join(' ').length),
    env: options.env,
    cwd: options.cwd,
    uid: options.uid,
    gid: options.gid,
  });
}

function discard(stream: Socket | null): void {
  stream?.on('error', () => undefined);
  stream?.destroy();
}
