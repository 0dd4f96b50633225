/**
 * One worker, from the spawn to the end of its process: its state, its boot, its death, its kill ladder.
 *
 * It knows bytes and messages, and nothing of tasks but its tenant. It never decides what follows
 * a death: it tells the supervisor, once, when everything the worker had sent has been read (G4).
 *
 *   starting → ready → draining → stopping → exited → gone
 *
 * Any state may be left for `stopping`, `exited` or `gone`; none is ever entered twice.
 */
import type { FrameHeader, Message } from '../ipc/frame.js';
import { FrameType, ProtocolError } from '../ipc/frame.js';
import { FrameReader } from '../ipc/frame-reader.js';
import { FrameWriter } from '../ipc/frame-writer.js';
import { type Deferred, deferred } from '../shared/deferred.js';
import type { Note, ProcessListener, Timer, WorkerProcess } from '../shared/doors.js';
import { EverpoolError } from '../shared/errors.js';
import { buildDeath, type Fault } from './death.js';
import { Tail } from './tail.js';
import type { Tenant } from './tenant.js';
import type { WorkerHost } from './worker-host.js';

export type WorkerState = 'starting' | 'ready' | 'draining' | 'stopping' | 'exited' | 'gone';
const ORDER: Record<WorkerState, number> = { starting: 0, ready: 1, draining: 2, stopping: 3, exited: 4, gone: 5 };

/** How long after the exit the read side may stay open before what it holds is given up. A descendant that inherited it keeps it open. */
const DRAIN_LIMIT_MS = 1000;
/** How long after the end of the read side the exit may come before the process counts as disconnected. */
const DISCONNECT_LIMIT_MS = 250;
/** How long the sweep of a dead worker's group may take before it counts as outliving the ladder. */
const SWEEP_LIMIT_MS = 5000;

export class Worker implements ProcessListener {
  readonly id: number;
  /** The place of its spawn among all spawns and charged deaths (restart-window.ts). */
  readonly ordinal: number;
  readonly spawnedAt: number;
  /** Finished a task, or was ready for a second: set by the supervisor. */
  isProven = false;
  /** Set by whoever creates it, at once. */
  tenant: Tenant | undefined;
  readyAt = 0;
  completed = 0;
  /** Of `BootFailed`: what the boot threw. */
  bootError: unknown;

  readonly #host: WorkerHost;
  readonly #process: WorkerProcess;
  readonly #reader: FrameReader;
  readonly #writer = new FrameWriter();
  readonly #stderr = new Tail();
  #state: WorkerState = 'starting';
  #timer: Timer | undefined; // the one of the present state: boot, ladder, drain
  #step = -1; // of the kill ladder; -1: not on it
  #fault: Fault | undefined; // why it is being ended, if through its own fault
  #isRequested = false;
  #spawnError: Error | undefined;
  #exit: { exitCode: number | null; signal: NodeJS.Signals | null } | undefined;
  #hasReadEnded = false;
  #isGarbled = false;
  #outlived = false;
  #end: Deferred<void> | undefined;
  #isSwept = false;
  #wasBooting = true; // never became ready
  #wasLeaving = false; // it was asked to leave, with nothing to do

  constructor(host: WorkerHost, id: number, ordinal: number) {
    this.#host = host;
    this.id = id;
    this.ordinal = ordinal;
    this.spawnedAt = host.clock.now();
    this.#reader = new FrameReader((message) => this.#onMessage(message));
    this.#process = host.spawner.spawn(id, this);
    this.#setTimer(host.rules.bootTimeoutMs, () => this.#fail('boot-timeout'));
  }

  get state(): WorkerState {
    return this.#state;
  }
  get pid(): number | undefined {
    return this.#process.pid;
  }
  get note(): Note {
    return this.#process.note;
  }
  get isRequested(): boolean {
    return this.#isRequested;
  }
  get unsentBytes(): number {
    return this.#process.unsentBytes;
  }
  get rssBytes(): number | undefined {
    return ORDER[this.#state] < ORDER.exited ? this.#process.rssBytes() : undefined;
  }
  get isAlive(): boolean {
    return ORDER[this.#state] < ORDER.exited;
  }

  // ---- sending

  /** Adds a message to the next `flush`. */
  add(header: FrameHeader, body?: string | Buffer, attachments?: readonly Buffer[]): void {
    this.#writer.add(header, body, attachments);
  }

  flush(): void {
    if (this.#writer.isEmpty) return;
    const isWritten = this.#process.send(this.#writer.take());
    if (isWritten) this.#writer.recycle();
    else this.#writer.renew();
  }

  // ---- ending

  /** Takes no more tasks, and stays until its tenant is done; `leave` ends it. */
  drain(): void {
    if (this.#state !== 'ready') return;
    this.#become('draining');
  }

  /** Asks it to leave: it runs its stop hooks and exits; after `graceMs` the ladder follows. */
  leave(graceMs: number = this.#host.rules.graceMs): void {
    if (ORDER[this.#state] >= ORDER.stopping) return;
    this.#wasLeaving = true;
    this.#stop();
    if (this.#wasBooting) {
      this.#climb(0);
      return;
    }
    this.add({ type: FrameType.Leave });
    this.flush();
    this.#setTimer(graceMs, () => this.#climb(0));
  }

  /** The kill ladder from its first step, or, with a signal, that signal and then the last step. */
  kill(signal?: NodeJS.Signals): void {
    if (ORDER[this.#state] >= ORDER.exited) return;
    const ladder = this.#host.rules.killLadder;
    if (this.#state !== 'stopping') this.#stop();
    if (signal === undefined) {
      if (this.#step < 0) this.#climb(0);
    } else if (signal === 'SIGKILL') {
      this.#climb(ladder.length - 1);
    } else if (this.#step < ladder.length - 1) {
      this.#process.signal(signal);
      this.#step = ladder.length - 2;
      this.#setTimer(ladder[0]?.waitMs ?? 0, () => this.#climb(ladder.length - 1));
    }
  }

  /** Ends it through its own fault: at once, and not as requested. */
  fail(fault: Fault): void {
    this.#fail(fault);
  }

  /** A raw signal, for faults of the chaos kit: nothing is recorded. */
  signal(signal: NodeJS.Signals): boolean {
    return this.isAlive && this.#process.signal(signal);
  }
  disconnect(): void {
    if (this.isAlive) this.#process.disconnect();
  }

  /** Resolves when nothing of its process group runs any more; rejects if something outlived the ladder (G7). */
  whenGone(): Promise<void> {
    if (this.#end === undefined) {
      this.#end = deferred();
      if (this.#isSwept) this.#settleEnd();
    }
    return this.#end.promise;
  }

  // ---- what the process tells

  onSpawned(): void {
    if (this.#state !== 'starting') return;
    const { header, body, attachments } = this.#host.boot(this);
    this.add(header, body, attachments);
    this.flush();
    this.#host.onSpawned(this);
  }

  onSpawnError(error: Error): void {
    if (ORDER[this.#state] >= ORDER.exited) return;
    this.#spawnError = error;
    this.#hasReadEnded = true;
    this.#exit = { exitCode: null, signal: null };
    this.#isSwept = true;
    this.#become('exited');
    this.#bury();
  }

  onData(chunk: Buffer): void {
    if (this.#isGarbled || this.#state === 'gone') return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#isGarbled = true;
      this.#fail('protocol');
    }
    this.tenant?.onRead();
  }

  onReadEnd(): void {
    if (this.#hasReadEnded || this.#state === 'gone') return;
    this.#hasReadEnded = true;
    if (this.#exit !== undefined) {
      this.#buryAfterPoll();
    } else {
      // The exit usually follows within a millisecond. If not, the process lives behind a closed channel.
      if (ORDER[this.#state] < ORDER.stopping) {
        this.#become('stopping');
        this.#setTimer(DISCONNECT_LIMIT_MS, () => this.#fail('disconnect'));
      }
    }
  }

  onExit(exitCode: number | null, signal: NodeJS.Signals | null): void {
    if (this.#exit !== undefined || this.#state === 'gone') return;
    this.#exit = { exitCode, signal };
    this.#become('exited');
    this.#sweep();
    if (this.#hasReadEnded) this.#buryAfterPoll();
    else this.#setTimer(DRAIN_LIMIT_MS, () => this.#buryAfterPoll());
  }

  onOutput(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (stream === 'stderr') this.#stderr.push(chunk);
    this.#host.onOutput(this, stream, chunk);
  }

  onDrain(): void {
    if (this.isAlive) this.tenant?.onRead();
  }

  // ---- its own business

  #onMessage(message: Message): void {
    switch (message.type) {
      case FrameType.Ready:
        if (this.#state !== 'starting') return;
        this.readyAt = this.#host.clock.now();
        this.#become('ready');
        this.#host.onReady(this, message);
        return;
      case FrameType.BootFailed:
        if (this.#wasBooting) this.#host.onBootFailed(this, message);
        return;
      case FrameType.Pong:
        this.#host.onPong(this);
        return;
      default:
        this.tenant?.onMessage(message);
    }
  }

  /** The only place where the state changes; leaving a state ends its timer, and the tenant learns once that it takes no more. */
  #become(state: WorkerState): void {
    if (ORDER[state] <= ORDER[this.#state]) throw new Error(`worker ${this.id}: ${this.#state} → ${state} is no transition`);
    const wasUsable = ORDER[this.#state] <= ORDER.ready;
    if (state === 'ready') this.#wasBooting = false;
    this.#state = state;
    this.#clearTimer();
    if (wasUsable && ORDER[state] > ORDER.ready) this.tenant?.onLost();
  }

  #stop(): void {
    this.#isRequested = true;
    this.#become('stopping');
  }

  #fail(fault: Fault): void {
    if (ORDER[this.#state] >= ORDER.exited) return;
    if (this.#state !== 'stopping') this.#become('stopping');
    if (!this.#isRequested) this.#fault ??= fault;
    this.#climb(this.#host.rules.killLadder.length - 1);
  }

  /** Sends the signal of a step, and goes on to the next if the process is still there when its time is up. */
  #climb(step: number): void {
    if (step <= this.#step) return;
    this.#step = step;
    const rung = this.#host.rules.killLadder[step];
    if (rung === undefined) {
      this.#outlived = true; // a process that SIGKILL does not end: uninterruptible sleep
      this.#bury();
      return;
    }
    this.#process.signal(rung.signal);
    this.#setTimer(rung.waitMs, () => this.#climb(step + 1));
  }

  /** What the worker wrote last to stderr may still be in its pipe. */
  #buryAfterPoll(): void {
    this.#clearTimer();
    this.#host.clock.afterPoll(() => this.#bury());
  }

  #bury(): void {
    if (this.#state === 'gone') return;
    const hasStarted = (this.tenant?.countStarted() ?? 0) > 0;
    const death = buildDeath({
      phase: this.#wasBooting ? 'boot' : hasStarted ? 'task' : this.#wasLeaving ? 'stopping' : 'idle',
      requested: this.#isRequested,
      pid: this.pid,
      exitCode: this.#exit?.exitCode ?? null,
      signal: this.#exit?.signal ?? null,
      uptimeMs: this.#host.clock.now() - this.spawnedAt,
      stderrTail: this.#stderr.toString(),
      fault: this.#fault,
      spawnError: this.#spawnError,
    });
    if (this.#state !== 'exited') this.#become('exited');
    this.#become('gone');
    this.#host.onGone(this, death);
    if (this.#outlived) this.#sweep();
    else if (this.#isSwept) this.#process.release();
  }

  /** Ends its descendants, and confirms that nothing of the group is left (G7). */
  #sweep(): void {
    this.#process.sweep(SWEEP_LIMIT_MS).then((isEmpty) => {
      this.#outlived = !isEmpty;
      this.#isSwept = true;
      if (this.#state === 'gone') this.#process.release();
      this.#settleEnd();
    });
  }

  #settleEnd(): void {
    if (this.#end === undefined) return;
    if (!this.#outlived) this.#end.resolve();
    else this.#end.reject(new EverpoolError(`process ${this.pid} of worker ${this.id} outlived the whole kill ladder`, 'ERR_EVERPOOL_OUTLIVED'));
  }

  #setTimer(delayMs: number, callback: () => void): void {
    this.#clearTimer();
    if (delayMs === Infinity) return;
    this.#timer = this.#host.clock.setTimer(() => {
      this.#timer = undefined;
      callback();
    }, delayMs);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#host.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
