/**
 * One real worker process, from `spawn` until `release` (`WorkerProcess` in platform.ts).
 *
 * Owns the child process, its channel, its output pipes, its control file and its entry in the
 * orphan reaper. Never throws, and no event of the child escapes as an exception (G9).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { CONTROL_FILE_FD, FROM_WORKER_FD, OFFERS_FD, TO_WORKER_FD } from '../../ipc/descriptors.js';
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
  /** The arguments between Node's own options and those of the worker (worker-code.ts). */
  readonly entry: readonly string[];
  /** The prefix of the URLs of stack frames that belong to everpool, not to a task. */
  readonly ownFrames: string;
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly argv: readonly string[];
  /** The complete environment: nothing is added. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly stdout: 'inherit' | 'ignore' | 'pipe';
  readonly stderr: 'inherit' | 'ignore' | 'pipe';
  /** Whether signals go to the worker's descendants too. */
  readonly killTree: boolean;
  /** The maximum length of the process title in bytes (worker/title.ts). */
  readonly titleRoom: number;
  /** Whether `stack` may be called: the inspector takes any free port, and stderr is read. */
  readonly diagnose: boolean;
}

const DEAD: Promise<boolean> = Promise.resolve(true);

const NO_CONTROL_FILE: ControlFile = {
  isLong: false,
  offer: () => undefined,
  commit: () => true,
  unclaimed: () => 1,
  recall: () => 1,
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
  readonly #stderr: NodeOutput | undefined; // only with `diagnose`
  /** Set until `release`, or until the error of a failed start. */
  #listener: ProcessListener | undefined;
  #exited = false;
  #isGroupDead = false;

  constructor(options: NodeProcessOptions, orphanReaper: OrphanReaper, clock: Clock, listener: ProcessListener) {
    this.#killTree = options.killTree;
    this.#ownFrames = options.ownFrames;
    this.#orphanReaper = orphanReaper;
    this.#clock = clock;
    this.#listener = listener;
    this.controlFile = NO_CONTROL_FILE;
    let child: ChildProcess;
    try {
      this.#file = new UnlinkedControlFile();
      this.controlFile = this.#file;
      requireDescriptors(4);
      child = start(options, this.#file);
    } catch (error) {
      // `spawn` throws E2BIG, EPERM and on NUL bytes; the lines before it throw EMFILE.
      clock.afterPoll(() => this.#failed(error as Error));
      return;
    }
    this.pid = child.pid;
    child.unref();
    child.on('error', (error) => {
      // With a pid the start has succeeded; the process ends by its 'exit' event.
      if (child.pid === undefined) this.#failed(error);
    });
    const { pid } = child;
    // If descriptors ran out nevertheless, there is no `stdio` at all.
    const stdio: readonly unknown[] = child.stdio ?? [];
    if (pid === undefined) {
      for (const stream of stdio) discard(stream as Socket | null);
      return;
    }
    child.once('exit', (code, signal) => this.#onExit(code, signal));
    this.#vitals = new ProcStat(pid);
    this.#channel = new NodeChannel(stdio[TO_WORKER_FD] as Socket, stdio[FROM_WORKER_FD] as Socket, clock, listener);
    this.#outputs = this.#openOutputs(options, child);
    if (options.diagnose) this.#stderr = this.#outputs.at(-1);
    // Immediately, before 'spawn': code in `--import` runs without waiting for the boot message
    // (G8).
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
    // After the reaping its pid may be reused. `sweep` ends what is left of its group.
    if (this.pid === undefined || this.#exited || this.#listener === undefined) return false;
    const reach = signalProcess(this.pid, signal, this.#killTree);
    // A stopped process handles no signal but SIGKILL until it continues.
    if (reach === 'sent' && signal !== 'SIGSTOP' && signal !== 'SIGCONT') signalProcess(this.pid, 'SIGCONT', this.#killTree);
    return reach === 'sent';
  }

  sweep(boundMs: number): Promise<boolean> {
    const { pid } = this;
    if (pid === undefined || (this.#exited && (this.#isGroupDead || !this.#killTree))) return DEAD;
    return endGroup({ pid, tree: this.#killTree, exited: () => this.#exited, boundMs, clock: this.#clock });
  }

  async flush(limitMs: number): Promise<void> {
    await Promise.all(this.#outputs.map((output) => output.flush(limitMs)));
  }

  vitals(): Vitals | undefined {
    return this.#exited || this.#listener === undefined ? undefined : this.#vitals?.read();
  }

  waitedMs(): number {
    return this.#exited || this.#listener === undefined ? 0 : (this.#vitals?.waitedMs() ?? 0);
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
      // The usual case. From now on the pid may be reused, so it must never be signalled again.
      this.#isGroupDead = true;
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

function start(options: NodeProcessOptions, file: UnlinkedControlFile): ChildProcess {
  return spawn(options.execPath, [...options.execArgv, ...options.entry, ...options.argv], {
    // One descriptor for each direction (node-channel.ts). Node opens its own ends close-on-exec,
    // so no other worker inherits them (G13).
    stdio: stdioFor(options, file),
    // A session and group of its own, so that signals reach its descendants, and Ctrl-C in the
    // terminal does not reach it.
    detached: process.platform !== 'win32',
    windowsHide: true,
    // A process title has only the space of the original arguments: short ones are padded.
    argv0: options.execPath.padEnd(options.titleRoom - options.entry.join(' ').length),
    env: options.env,
    cwd: options.cwd,
    uid: options.uid,
    gid: options.gid,
  });
}

function stdioFor({ stdout, stderr, diagnose }: NodeProcessOptions, file: UnlinkedControlFile): (number | 'ignore' | 'inherit' | 'pipe')[] {
  const stdio: (number | 'ignore' | 'inherit' | 'pipe')[] = ['ignore', stdout, stderr === 'ignore' && !diagnose ? 'ignore' : 'pipe'];
  stdio[TO_WORKER_FD] = 'pipe';
  stdio[FROM_WORKER_FD] = 'pipe';
  stdio[CONTROL_FILE_FD] = file.fd;
  stdio[OFFERS_FD] = file.offersFd;
  return stdio;
}

function discard(stream: Socket | null): void {
  stream?.on('error', () => undefined);
  stream?.destroy();
}
