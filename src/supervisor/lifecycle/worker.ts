/**
 * One worker, from the spawn to the end of its process. It owns the state (worker-state.ts), the
 * channel, the boot timeout, the kill ladder and the group reaper.
 *
 * A worker knows messages, not tasks: it passes them on to its client. It never decides what
 * follows a death: it reports the death to the supervisor, once, after everything it sent has been
 * read (G4).
 *
 *   starting → ready → draining → stopping → exited → dead
 *
 * States may be skipped, but none is entered twice.
 */
import { type FrameHeader, FrameType, type Message, ProtocolError } from '../../ipc/frame.js';
import { FramedChannel } from '../../ipc/message-channel.js';
import { leaveMessage, pingMessage, questionOf, rssBytesOf } from '../../ipc/messages.js';
import { ignore } from '../../shared/ignore.js';
import { Patience } from '../../shared/patience.js';
import type { ControlFile, ProcessListener, Vitals, WorkerProcess } from '../../shared/platform.js';
import type { MemorySample } from '../../shared/types.js';
import { startBootLimit } from './boot-limit.js';
import { buildDeath, type Fault, thrownIn } from './death.js';
import { GroupReaper } from './group-reaper.js';
import { ladderFrom } from './kill-ladder.js';
import { LadderRun } from './ladder-run.js';
import { StderrTail } from './stderr-tail.js';
import type { WorkerClient } from './worker-client.js';
import { isAtWork, WORKER_STEPS, type WorkerEnd, type WorkerOwner, type WorkerState } from './worker-state.js';

/**
 * How long the read side may stay open after the exit before it is given up. A descendant that
 * inherited it may keep it open.
 */
const DRAIN_LIMIT_MS = 1000;
/**
 * How long the exit may follow the end of the read side before the worker counts as disconnected.
 */
const DISCONNECT_LIMIT_MS = 250;

export class Worker implements ProcessListener {
  readonly id: number;
  /** The ordinal of its spawn among all spawns and charged deaths (restart-intensity.ts). */
  readonly ordinal: number;
  readonly spawnedAt: number;
  /** It has finished a task. Set by the supervisor. */
  isUseful = false;
  /** Set by the supervisor, immediately after the constructor. */
  client: WorkerClient | undefined;
  /** The end of its boot. Undefined if it was never ready; then its death may be charged. */
  readyAt: number | undefined;
  completed = 0;
  /** When it last sent something. */
  heardAt = 0;
  /** The error that the boot threw (`BootFailed`), or that the system gave for a failed spawn. */
  bootError: unknown;

  readonly #owner: WorkerOwner<Worker>;
  readonly #process: WorkerProcess;
  readonly channel: FramedChannel;
  readonly #groupReaper: GroupReaper;
  readonly #stderr = new StderrTail();
  #question: { readonly seq: number; readonly onAnswer: () => void } = { seq: 0, onAnswer: ignore };
  #state: WorkerState = 'starting';
  readonly #patience: Patience; // the timer of the current state
  readonly #ladder: LadderRun;
  #reportedRss: number | undefined;
  #end: WorkerEnd | undefined;
  #exit: { exitCode: number | null; signal: NodeJS.Signals | null } | undefined;
  #hasReadEnded = false;

  constructor(owner: WorkerOwner<Worker>, id: number, ordinal: number) {
    this.#owner = owner;
    this.id = id;
    this.ordinal = ordinal;
    this.spawnedAt = owner.clock.now();
    this.#patience = new Patience(owner.clock);
    this.#process = owner.spawner.spawn(id, this);
    this.channel = new FramedChannel(this.#process, (message) => this.#onMessage(message));
    // A process that SIGKILL does not end sleeps uninterruptibly: the worker counts as dead (G7).
    this.#ladder = new LadderRun(this.#process, this.#patience, () => this.#bury());
    this.#groupReaper = new GroupReaper(this.#process, id);
    this.#awaitBoot();
  }

  get state(): WorkerState {
    return this.#state;
  }
  get pid(): number | undefined {
    return this.#process.pid;
  }
  get controlFile(): ControlFile {
    return this.#process.controlFile;
  }
  get unsentBytes(): number {
    return this.#process.unsentBytes;
  }
  vitals(): Vitals | undefined {
    return this.isAlive ? this.#process.vitals() : undefined;
  }
  /** Resident memory, from the system or else from the worker's last report. */
  get rssBytes(): number | undefined {
    return this.isAlive ? (this.#process.vitals()?.rssBytes ?? this.#reportedRss) : undefined;
  }
  get isAlive(): boolean {
    return this.#state !== 'exited' && this.#state !== 'dead';
  }
  /** The pool ends it, not through the worker's fault: its death is not charged. */
  get isRequested(): boolean {
    return this.#end?.by === 'request';
  }

  // ---- sending

  /** Adds a message to the next `flush`. */
  add(header: FrameHeader, body?: string | Buffer, attachments?: readonly Buffer[]): void {
    this.channel.add(header, body, attachments);
  }
  flush(): void {
    // An attempt must not reach the worker before its offer.
    if (!this.controlFile.commit()) this.fail('protocol', 'its control file could not be written: the file system is full');
    else if (!this.channel.flush()) this.fail('protocol', this.channel.fault?.message);
  }

  // ---- ending

  /** The worker accepts no more tasks. Its client finishes; then `leave` ends it. */
  drain(): void {
    if (this.#state !== 'ready') return;
    this.#become('draining');
  }

  /** Asks it to run its stop hooks and exit. After `graceMs` the kill ladder follows. */
  leave(graceMs: number = this.#owner.rules.graceMs): void {
    if (!isAtWork(this.#state)) return;
    this.#stop(this.#owner.clock.now() + graceMs);
    if (this.readyAt === undefined) {
      this.#ladder.begin(this.#owner.rules.killLadder);
      return;
    }
    this.add(leaveMessage());
    this.flush();
    this.#patience.start(graceMs, () => this.#ladder.begin(this.#owner.rules.killLadder));
  }

  /**
   * Starts the kill ladder from its first step, or from `signal`. A stronger kill overrides a
   * weaker one.
   */
  kill(signal?: NodeJS.Signals): void {
    if (!this.isAlive) return;
    if (this.#state !== 'stopping') this.#stop(undefined);
    const ladder = this.#owner.rules.killLadder;
    this.#ladder.begin(signal === undefined ? ladder : ladderFrom(ladder, signal));
  }

  /** Kills it immediately, for a fault of its own: the death does not count as requested. */
  fail(fault: Fault, detail?: string, samples?: readonly MemorySample[]): void {
    // Also after the exit, because its bytes may be read only then.
    this.#end ??= { by: 'fault', fault, detail, samples };
    if (!this.isAlive) return;
    if (this.#state !== 'stopping') this.#become('stopping');
    this.#ladder.begin(ladderFrom(this.#owner.rules.killLadder, 'SIGKILL'));
  }

  /** Sends a message that any turn of the worker's event loop answers. */
  ping(): void {
    this.add(pingMessage());
    this.flush();
  }
  /** Pings, and calls back with the answer. A second call replaces the first callback. */
  ask(onAnswer: () => void): void {
    this.#question = { seq: this.#question.seq + 1, onAnswer };
    this.add(pingMessage(this.#question.seq));
    this.flush();
  }
  /** The current JavaScript stack. Undefined if it is not available within `limitMs`. */
  stack(limitMs: number): Promise<string | undefined> {
    return this.#process.stack(limitMs);
  }

  // Two faults for `everpool/testing`. Nothing records them.

  signal(signal: NodeJS.Signals): boolean {
    return this.isAlive && this.#process.signal(signal);
  }
  disconnect(): void {
    if (this.isAlive) this.#process.disconnect();
  }

  /**
   * Resolves when nothing of its process group runs any more; rejects if something outlived the
   * ladder (G7).
   */
  whenReaped(): Promise<void> {
    return this.#groupReaper.whenReaped();
  }

  // ---- events of the process (ProcessListener)

  onSpawned(): void {
    if (this.#state !== 'starting') return;
    const { header, body, attachments } = this.#owner.listener.bootMessage(this);
    this.add(header, body, attachments);
    this.flush();
    this.#awaitBoot(); // restarts the timeout: the time before was not the module's
    this.#owner.listener.onSpawned(this);
  }

  onSpawnError(error: Error): void {
    if (!this.isAlive) return;
    this.bootError = error;
    this.#hasReadEnded = true;
    this.#exit = { exitCode: null, signal: null };
    this.#groupReaper.skip();
    this.#become('exited');
    this.#bury();
  }

  get receiveBuffer(): Buffer | undefined {
    return this.channel.receiveBuffer;
  }

  onData(chunk: Buffer, bytes: number = chunk.length): void {
    if (this.#state === 'dead') return;
    this.heardAt = this.#owner.clock.now();
    if (!this.channel.receive(chunk, bytes)) this.fail('protocol', this.channel.fault?.message);
    this.client?.onRead();
  }

  onReadEnd(): void {
    if (this.#hasReadEnded || this.#state === 'dead') return;
    this.#hasReadEnded = true;
    if (this.#exit !== undefined) {
      this.#buryAfterPoll();
    } else if (isAtWork(this.#state)) {
      // The exit usually follows within a millisecond. If not, the process has closed its channel.
      this.#become('stopping');
      this.#patience.start(DISCONNECT_LIMIT_MS, () => this.fail('disconnect'));
    }
  }

  onExit(exitCode: number | null, signal: NodeJS.Signals | null): void {
    if (this.#exit !== undefined || this.#state === 'dead') return;
    this.#exit = { exitCode, signal };
    this.#become('exited');
    this.#groupReaper.sweep(this.#flushMs);
    if (this.#hasReadEnded) this.#buryAfterPoll();
    else this.#patience.start(DRAIN_LIMIT_MS, () => this.#bury());
  }

  onOutput(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (stream === 'stderr') this.#stderr.push(chunk);
    this.#owner.listener.onOutput(this, stream, chunk);
  }

  onDrain(): void {
    if (this.isAlive) this.client?.onRead();
  }

  // ---- private

  #awaitBoot(): void {
    startBootLimit(this.#patience, this.#process, this.#owner.rules.bootTimeoutMs, () => this.fail('boot-timeout'));
  }

  #onMessage(message: Message): void {
    switch (message.type) {
      case FrameType.Ready:
      case FrameType.BootFailed:
        if (this.readyAt !== undefined) throw new ProtocolError('unexpected end of a second boot');
        if (message.type === FrameType.BootFailed) this.bootError = thrownIn(message);
        else if (this.#state === 'starting') {
          this.readyAt = this.#owner.clock.now();
          this.#become('ready');
          this.#owner.onReady(this, message);
        }
        return;
      case FrameType.Pong:
        // Other pongs only update `heardAt`.
        if (questionOf(message) === this.#question.seq) this.#question.onAnswer();
        return;
      case FrameType.Memory:
        this.#reportedRss = rssBytesOf(message);
        return;
      default:
        this.client?.onMessage(message);
    }
  }

  /** Leaving a state stops its timer. `onLost` is called once, on leaving the usable states. */
  #become(state: WorkerState): void {
    const wasUsable = this.#state === 'starting' || this.#state === 'ready';
    this.#owner.story.take('worker', WORKER_STEPS, this.id, this.#state, state);
    this.#state = state;
    this.#patience.stop();
    if (wasUsable && state !== 'ready') this.client?.onLost();
  }

  #stop(leaveBy: number | undefined): void {
    this.#end ??= { by: 'request', leaveBy };
    this.#become('stopping');
  }

  /** Until when the worker may leave by itself. */
  get #leaveBy(): number | undefined {
    return this.#end?.by === 'request' ? this.#end.leaveBy : undefined;
  }

  /** How long its output may take to reach a slow reader. Not at all after a kill. */
  get #flushMs(): number {
    if (!this.isRequested) return this.#owner.rules.graceMs;
    const leaveBy = this.#leaveBy;
    return leaveBy === undefined || this.#exit?.signal !== null ? 0 : Math.max(0, leaveBy - this.#owner.clock.now());
  }

  /** Its last output on stderr may still be in the pipe: it is read first. */
  #buryAfterPoll(): void {
    this.#patience.stop();
    this.#owner.clock.afterPoll(() => this.#bury());
  }

  #bury(): void {
    if (this.#state === 'dead') return;
    const hasStarted = (this.client?.countStarted() ?? 0) > 0;
    const death = buildDeath({
      phase: this.readyAt === undefined ? 'boot' : hasStarted ? 'task' : this.#leaveBy !== undefined ? 'stopping' : 'idle',
      requested: this.isRequested,
      pid: this.pid,
      exitCode: this.#exit?.exitCode ?? null,
      signal: this.#exit?.signal ?? null,
      uptimeMs: this.#owner.clock.now() - this.spawnedAt,
      stderrTail: this.#stderr.toString(),
      spawnError: this.pid === undefined ? (this.bootError as Error | undefined) : undefined,
      ...(this.#end?.by === 'fault' ? this.#end : {}),
    });
    if (this.#state !== 'exited') this.#become('exited');
    this.#become('dead');
    this.#owner.onDied(this, death);
    this.#groupReaper.sweep(0);
    this.#groupReaper.release();
  }
}
