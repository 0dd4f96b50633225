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
import { type FrameHeader, FrameType, type Message, ProtocolError } from '../../ipc/frame.js';
import { FramedChannel } from '../../ipc/message-channel.js';
import { ignore } from '../../shared/ignore.js';
import { Patience } from '../../shared/patience.js';
import type { ControlFile, ProcessListener, Vitals, WorkerProcess } from '../../shared/platform.js';
import type { MemorySample } from '../../shared/types.js';
import { Climb } from './climb.js';
import { buildDeath, type Fault, thrownIn } from './death.js';
import { GroupReaper } from './group-reaper.js';
import { ladderFrom } from './kill-ladder.js';
import { StderrTail } from './stderr-tail.js';
import type { WorkerClient } from './worker-client.js';
import { isAtWork, WORKER_STEPS, type WorkerEnd, type WorkerOwner, type WorkerState } from './worker-state.js';

/** How long after the exit the read side may stay open before what it holds is given up. A descendant that inherited it keeps it open. */
const DRAIN_LIMIT_MS = 1000;
/** How long after the end of the read side the exit may come before the process counts as disconnected. */
const DISCONNECT_LIMIT_MS = 250;

export class Worker implements ProcessListener {
  readonly id: number;
  /** The place of its spawn among all spawns and charged deaths (restart-intensity.ts). */
  readonly ordinal: number;
  readonly spawnedAt: number;
  /** It has finished a task: set by the supervisor. */
  isUseful = false;
  /** Set by whoever creates it, at once. */
  client: WorkerClient | undefined;
  /** When its boot was over; undefined while it was never ready: then its death may be charged. */
  readyAt: number | undefined;
  completed = 0;
  /** When something came from it last. */
  heardAt = 0;
  /** What the boot threw (`BootFailed`), or the system when it could not start the process. */
  bootError: unknown;

  readonly #owner: WorkerOwner<Worker>;
  readonly #process: WorkerProcess;
  readonly channel: FramedChannel;
  readonly #groupReaper: GroupReaper;
  readonly #stderr = new StderrTail();
  #question: { readonly seq: number; readonly onAnswer: () => void } = { seq: 0, onAnswer: ignore };
  #state: WorkerState = 'starting';
  readonly #patience: Patience; // of the present state: with its boot, its leaving, a signal, its last words
  readonly #ladder: Climb;
  #reportedRss: number | undefined;
  #end: WorkerEnd | undefined;
  #exit: { exitCode: number | null; signal: NodeJS.Signals | null } | undefined;
  #hasReadEnded = false;

  constructor(host: WorkerOwner<Worker>, id: number, ordinal: number) {
    this.#owner = host;
    this.id = id;
    this.ordinal = ordinal;
    this.spawnedAt = host.clock.now();
    this.#patience = new Patience(host.clock);
    this.#process = host.spawner.spawn(id, this);
    this.channel = new FramedChannel(this.#process, (message) => this.#onMessage(message));
    // What SIGKILL does not end sleeps uninterruptibly: it is given up, and told as a death (G7).
    this.#ladder = new Climb(this.#process, this.#patience, () => this.#bury());
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
  /** Resident memory: as the system tells it, or else as the worker last did. */
  get rssBytes(): number | undefined {
    return this.isAlive ? (this.#process.vitals()?.rssBytes ?? this.#reportedRss) : undefined;
  }
  get isAlive(): boolean {
    return this.#state !== 'exited' && this.#state !== 'dead';
  }
  /** The pool ends it, and not through its own fault: nobody is charged with its death. */
  get isRequested(): boolean {
    return this.#end?.by === 'request';
  }

  // ---- sending

  /** Adds a message to the next `flush`. */
  add(header: FrameHeader, body?: string | Buffer, attachments?: readonly Buffer[]): void {
    this.channel.add(header, body, attachments);
  }
  flush(): void {
    if (!this.channel.flush()) this.fail('protocol', this.channel.fault?.message);
  }

  // ---- ending

  /** Takes no more tasks, and stays until its tenant is done; `leave` ends it. */
  drain(): void {
    if (this.#state !== 'ready') return;
    this.#become('draining');
  }

  /** Asks it to leave: it runs its stop hooks and exits; after `graceMs` the ladder follows. */
  leave(graceMs: number = this.#owner.rules.graceMs): void {
    if (!isAtWork(this.#state)) return;
    this.#stop(this.#owner.clock.now() + graceMs);
    if (this.readyAt === undefined) {
      this.#ladder.begin(this.#owner.rules.killLadder);
      return;
    }
    this.add({ type: FrameType.Leave });
    this.flush();
    this.#patience.start(graceMs, () => this.#ladder.begin(this.#owner.rules.killLadder));
  }

  /** The kill ladder from its first step, or from the given signal. A stronger kill overtakes a weaker one. */
  kill(signal?: NodeJS.Signals): void {
    if (!this.isAlive) return;
    if (this.#state !== 'stopping') this.#stop(undefined);
    const ladder = this.#owner.rules.killLadder;
    this.#ladder.begin(signal === undefined ? ladder : ladderFrom(ladder, signal));
  }

  /** Ends it through its own fault: at once, and not as requested. */
  fail(fault: Fault, detail?: string, samples?: readonly MemorySample[]): void {
    this.#end ??= { by: 'fault', fault, detail, samples }; // of one that has exited too: what it wrote may be read only then
    if (!this.isAlive) return;
    if (this.#state !== 'stopping') this.#become('stopping');
    this.#ladder.begin(ladderFrom(this.#owner.rules.killLadder, 'SIGKILL'));
  }

  /** Asks for a sign of life. */
  ping(): void {
    this.add({ type: FrameType.Ping });
    this.flush();
  }
  /** Calls back when the worker has answered, which any turn of its event loop does. Asked again, only the last one is told. */
  ask(onAnswer: () => void): void {
    this.#question = { seq: this.#question.seq + 1, onAnswer };
    this.add({ type: FrameType.Ping, seq: this.#question.seq });
    this.flush();
  }
  /** Where its JavaScript is, if that can be found out in this time. */
  stack(limitMs: number): Promise<string | undefined> {
    return this.#process.stack(limitMs);
  }

  // Two faults for `everpool/testing`: nothing is recorded of them.

  signal(signal: NodeJS.Signals): boolean {
    return this.isAlive && this.#process.signal(signal);
  }
  disconnect(): void {
    if (this.isAlive) this.#process.disconnect();
  }

  /** Resolves when nothing of its process group runs any more; rejects if something outlived the ladder (G7). */
  whenReaped(): Promise<void> {
    return this.#groupReaper.whenReaped();
  }

  // ---- what the process tells

  onSpawned(): void {
    if (this.#state !== 'starting') return;
    const { header, body, attachments } = this.#owner.listener.bootMessage(this);
    this.add(header, body, attachments);
    this.flush();
    this.#awaitBoot(); // it counts from here: what came before was no fault of the module
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
    } else {
      // The exit usually follows within a millisecond. If not, the process lives behind a closed channel.
      if (isAtWork(this.#state)) {
        this.#become('stopping');
        this.#patience.start(DISCONNECT_LIMIT_MS, () => this.fail('disconnect'));
      }
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

  // ---- its own business

  #awaitBoot(): void {
    this.#patience.start(this.#owner.rules.bootTimeoutMs, () => this.fail('boot-timeout'));
  }

  #onMessage(message: Message): void {
    const { type } = message;
    switch (type) {
      case FrameType.Ready:
      case FrameType.BootFailed:
        if (this.readyAt !== undefined) throw new ProtocolError('the end of a second boot');
        if (type === FrameType.BootFailed) this.bootError = thrownIn(message);
        else if (this.#state === 'starting') {
          this.readyAt = this.#owner.clock.now();
          this.#become('ready');
          this.#owner.onReady(this, message);
        }
        return;
      case FrameType.Pong:
        if (message.seq === this.#question.seq) this.#question.onAnswer(); // of the others it is enough that they came
        return;
      case FrameType.Memory:
        this.#reportedRss = message.a * 1024;
        return;
      default:
        this.client?.onMessage(message);
    }
  }

  /** Leaving a state ends its timer, and the client learns once that the worker takes no more. */
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

  /** It was asked to leave in peace, and may take until then. */
  get #leaveBy(): number | undefined {
    return this.#end?.by === 'request' ? this.#end.leaveBy : undefined;
  }

  /** How long its output may take to reach a slow reader. A kill is not waited for. */
  get #flushMs(): number {
    if (!this.isRequested) return this.#owner.rules.graceMs;
    const leaveBy = this.#leaveBy;
    return leaveBy === undefined || this.#exit?.signal !== null ? 0 : Math.max(0, leaveBy - this.#owner.clock.now());
  }

  /** What the worker wrote last to stderr may still be in its pipe. */
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
