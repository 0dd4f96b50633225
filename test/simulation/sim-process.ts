/**
 * One simulated process as the parent and the kernel see it: pipes with latency and odd cuts,
 * signals, the exit and the end of its output in any order, a descendant that holds its pipes. Its
 * program is in child.ts.
 */
import { FrameType, HEADER_BYTES } from '../../src/ipc/frame.js';
import type { ProcessListener, Vitals, WorkerProcess } from '../../src/shared/platform.js';
import type { Random } from '../../src/testing/random.js';
import { Child, type ChildPlatform } from './child.js';
import type { Fate } from './fate.js';
import type { Ledger } from './ledger.js';
import { SimControlFile } from './sim-control-file.js';
import type { World } from './world.js';

/** More memory than any plan allows. */
const SWOLLEN_BYTES = 500_000_000;
/** The capacity of a pipe; further bytes wait in the parent. */
const PIPE_BYTES = 64 * 1024;

export class SimProcess implements WorkerProcess, ChildPlatform {
  readonly workerId: number;
  readonly pid: number | undefined;
  readonly controlFile: SimControlFile;
  readonly fate: Fate;
  readonly world: World;
  readonly ledger: Ledger;
  readonly random: Random;
  wasKilledByPool = false;
  isFaulty = false;
  /**
   * When the parent sent the first bytes, when it could read that the worker is ready, when it
   * first signalled, and up to when it had read by then.
   */
  bootSentAt = Number.POSITIVE_INFINITY;
  readyAt = Number.POSITIVE_INFINITY;
  signalledAt = Number.POSITIVE_INFINITY;
  hasReadUntil = 0;
  diedAt = Number.POSITIVE_INFINITY;
  #listener: ProcessListener | undefined;
  #state: 'alive' | 'dead' = 'alive';
  #child: Child | undefined;
  #isStopped = false;
  #isTermPending = false;
  #stoppedUntil = Number.NEGATIVE_INFINITY;
  #undyingUntil: number;
  #canReach = true; // the worker can be written to
  #canHear = true; // the parent can read
  #unsent = 0;
  #inbox: Buffer[] = [];
  #isReading = false;
  #lastSent = 0; // each direction keeps its order
  #lastArrival = 0;
  #isEndDue = false;
  readonly #onDeath: (() => void)[] = [];
  /** The task of each attempt that was sent. */
  readonly #taskIds = new Map<number, number>();
  /** Their offers were taken before their frames were sent. */
  readonly #claimedEarly = new Set<number>();
  readonly #stolenEarly = new Set<number>();

  constructor(workerId: number, world: World, ledger: Ledger, random: Random, fate: Fate, listener: ProcessListener) {
    this.workerId = workerId;
    this.world = world;
    this.ledger = ledger;
    this.random = random;
    this.fate = fate;
    this.#listener = listener;
    this.controlFile = new SimControlFile(
      () => {
        if (!random.chance(0.5)) return;
        // Even a stopped process may continue just while the parent reads its file.
        if (this.#isStopped && fate.stoppedMs !== Number.POSITIVE_INFINITY && random.chance(0.3)) this.#deliver('SIGCONT');
        world.race(random.skewed(0.2));
      },
      () => random.chance(0.8),
    );
    this.#undyingUntil = world.now() + fate.undyingMs;
    ledger.begun(this);
    if (fate.spawnError !== undefined) {
      this.#state = 'dead';
      this.diedAt = this.world.now();
      const error = Object.assign(new Error(`spawn node ${fate.spawnError}`), { code: fate.spawnError });
      this.#after(fate.spawnMs, () => {
        this.#hear((heard) => {
          ledger.failed(this);
          heard.onSpawnError(error);
        });
      });
      world.log('spawn fails', workerId, fate.spawnError);
      return;
    }
    this.pid = 1000 + workerId;
    this.#child = new Child(this);
    ledger.spawned(this);
    this.#after(fate.spawnMs, () => {
      if (this.isAlive) this.#hear((heard) => heard.onSpawned());
    });
    this.#after(fate.bootMs, () => this.#child?.start());
    this.#after(fate.killedAt, () => this.#deliver('SIGKILL'));
    this.#after(fate.disconnectsAt, () => this.hangUp());
    this.#after(fate.garbageAt, () => {
      this.isFaulty = true;
      if (this.isAlive) this.write(Buffer.from('console.log, they said, is not the channel. '));
    });
    this.#after(fate.forgesAt, () => {
      if (!this.isAlive || ledger.isCalm) return;
      this.isFaulty = true;
      ledger.forged(this);
      world.log('forges', workerId, fate.forgery);
      this.#child?.forge(fate.forgery);
    });
    this.#after(fate.lazyAt, () => {
      if (!ledger.isCalm) this.#child?.beLazy();
    });
    this.#after(fate.stoppedAt, () => {
      if (ledger.isCalm) return;
      this.#deliver('SIGSTOP');
      this.#after(fate.stoppedMs, () => this.#deliver('SIGCONT'));
    });
  }

  get isAlive(): boolean {
    return this.#state === 'alive';
  }
  get isStopped(): boolean {
    return this.#isStopped;
  }

  // ---- acts of the pool (WorkerProcess)

  get unsentBytes(): number {
    return this.#canReach ? Math.max(0, this.#unsent - PIPE_BYTES) : 0;
  }

  send(parts: readonly Buffer[]): boolean {
    this.bootSentAt = Math.min(this.bootSentAt, this.world.now());
    const bytes = Buffer.concat(parts);
    for (let at = 0; at < bytes.length; at += HEADER_BYTES + bytes.readUInt32LE(at + 4))
      if (bytes[at + 2] === FrameType.Run) this.#onSent(bytes.readDoubleLE(at + 8), bytes.readDoubleLE(at + 16));
    if (!this.#canReach || !this.isAlive) return true;
    this.#unsent += bytes.length;
    this.#lastSent = Math.max(this.#lastSent, this.world.now() + this.random.skewed(this.random.chance(0.1) ? 8 : 1));
    this.world.at(this.#lastSent, () => this.#child?.receive(bytes));
    return this.unsentBytes === 0;
  }

  disconnect(): void {
    this.#canReach = false;
    this.#canHear = false;
    this.#inbox = [];
    this.#after(0.1, () => {
      this.#child?.parentDied();
      this.#endReading();
    });
  }

  signal(signal: NodeJS.Signals): boolean {
    if (this.pid === undefined || !this.isAlive || this.#listener === undefined) return false;
    this.world.log(`${signal} to`, this.workerId);
    if (this.signalledAt === Number.POSITIVE_INFINITY) {
      this.signalledAt = this.world.now();
      this.hasReadUntil = this.world.hasReadUntil;
    }
    this.#after(this.random.skewed(0.5), () => {
      this.#deliver(signal, true);
      if (signal !== 'SIGSTOP') this.#deliver('SIGCONT', true);
    });
    return true;
  }

  strike(signal: NodeJS.Signals): void {
    this.world.log(`from outside ${signal} to`, this.workerId);
    this.#deliver(signal);
  }

  sweep(boundMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      let isOver = false;
      const end = (isEmpty: boolean): void => {
        if (!isOver) this.world.arrive(() => resolve(isEmpty));
        isOver = true;
      };
      const swept = (): void => {
        if (this.fate.grandchild === 'grouped') this.#closeOutput();
        this.#after(this.random.skewed(10), () => end(true));
      };
      if (!this.isAlive) swept();
      else {
        this.#onDeath.push(swept);
        this.#after(0.1, () => this.#deliver('SIGKILL', true));
        this.#after(boundMs, () => end(false));
      }
    });
  }

  flush(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#after(Math.min(limitMs, this.random.skewed(limitMs)), () => this.world.arrive(resolve));
    });
  }

  vitals(): Vitals | undefined {
    if (!this.isAlive) return undefined;
    const rssBytes = this.world.now() >= this.fate.swellsAt ? SWOLLEN_BYTES : 50_000_000;
    return { isStopped: this.#isStopped, isSleeping: this.random.chance(0.7), rssBytes };
  }

  waitedMs(): number {
    return 0;
  }

  /**
   * The pool may kill it whatever runs in it: it is stopped, or was a moment ago, or has too much
   * memory.
   */
  get isOutlaw(): boolean {
    return this.#isStopped || this.world.now() < this.#stoppedUntil + 1 || this.world.now() >= this.fate.swellsAt;
  }

  stack(limitMs: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#after(Math.min(limitMs, this.random.skewed(limitMs)), () => this.world.arrive(() => resolve('    at spin')));
    });
  }

  release(): void {
    if (this.#listener === undefined && this.pid !== undefined) this.world.fault(`G9: process ${this.pid} was released twice`);
    this.#listener = undefined;
    this.ledger.released(this);
    this.#canHear = false;
    if (this.#canReach) this.#after(0.1, () => this.#child?.parentDied());
    this.#canReach = false;
  }

  // ---- acts of the process (child.ts)

  claimed(seq: number): void {
    const id = this.#taskIds.get(seq);
    if (id === undefined) this.#claimedEarly.add(seq);
    else this.ledger.claimed(this, seq, id);
  }
  stolen(seq: number): void {
    const id = this.#taskIds.get(seq);
    if (id === undefined) this.#stolenEarly.add(seq);
    else this.ledger.stolen(id);
  }

  taken(count: number): void {
    const wasFull = this.unsentBytes > 0;
    this.#unsent -= count;
    if (wasFull && this.unsentBytes === 0) this.world.arrive(() => this.#listener?.onDrain());
  }

  write(bytes: Buffer): number | undefined {
    if (!this.#canHear) return undefined;
    const at = Math.max(this.#lastArrival, this.world.now() + this.random.skewed(this.random.chance(0.02) ? 300 : 1));
    this.#lastArrival = at;
    if (bytes[2] === FrameType.Ready) this.readyAt = at;
    this.world.at(at, () => {
      this.#inbox.push(bytes);
      this.#read();
    });
    return at;
  }

  /** It closes its ends of the channel and lives on. */
  hangUp(): void {
    if (!this.isAlive || !this.#canHear) return;
    this.world.log('hangs up', this.workerId);
    this.isFaulty = true;
    this.#canReach = false;
    this.#child?.hungUp();
    this.#closeOutput();
  }

  print(text: string): void {
    this.#after(this.random.skewed(2), () => this.#hear((heard) => heard.onOutput('stderr', Buffer.from(text))));
  }

  die(exitCode: number | null, signal: NodeJS.Signals | null): void {
    if (!this.isAlive) return;
    this.#state = 'dead';
    this.world.log('dies', this.workerId, signal ?? String(exitCode));
    this.ledger.died(this);
    this.#child = undefined;
    if (!this.fate.losesExit) this.#after(this.fate.exitMs, () => this.#hear((heard) => heard.onExit(exitCode, signal)));
    if (this.fate.grandchild === 'none') this.#after(this.fate.endMs, () => this.#closeOutput());
    for (const call of this.#onDeath.splice(0)) call();
  }

  // ---- private

  #after(delayMs: number, run: () => void): void {
    if (delayMs !== Number.POSITIVE_INFINITY) this.world.at(this.world.now() + delayMs, run);
  }

  #hear(call: (listener: ProcessListener) => void): void {
    this.world.arrive(() => {
      if (this.#listener !== undefined) call(this.#listener);
    });
  }

  #deliver(signal: NodeJS.Signals, isFromPool = false): void {
    if (!this.isAlive) return;
    switch (signal) {
      case 'SIGSTOP':
        this.world.log('stops', this.workerId);
        this.#isStopped = true;
        return;
      case 'SIGCONT':
        if (!this.#isStopped) return;
        this.#isStopped = false;
        this.#stoppedUntil = this.world.now();
        if (this.#isTermPending) this.#deliver('SIGTERM', isFromPool);
        this.#child?.resume();
        return;
      case 'SIGKILL':
        if (this.#undyingUntil > this.world.now()) this.world.at(this.#undyingUntil, () => this.#deliver('SIGKILL', isFromPool));
        else this.#killed('SIGKILL', isFromPool);
        return;
      default:
        if (this.fate.ignoresTerm) return;
        if (this.#isStopped) this.#isTermPending = true;
        else this.#killed(signal, isFromPool);
    }
  }

  #onSent(seq: number, id: number): void {
    this.#taskIds.set(seq, id);
    if (this.#claimedEarly.delete(seq)) this.ledger.claimed(this, seq, id);
    if (this.#stolenEarly.delete(seq)) this.ledger.stolen(id);
  }

  #killed(signal: NodeJS.Signals, isByPool: boolean): void {
    this.wasKilledByPool = isByPool;
    this.die(null, signal);
  }

  #read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#hear((listener) => {
      this.#isReading = false;
      if (this.#inbox.length === 0) return;
      const bytes = Buffer.concat(this.#inbox);
      const cut = this.random.chance(0.1) ? this.random.integer(1, bytes.length) : bytes.length;
      this.#inbox = cut < bytes.length ? [Buffer.from(bytes.subarray(cut))] : [];
      if (this.#inbox.length > 0) {
        if (this.readyAt < this.world.now()) this.readyAt = this.world.now(); // the rest can be read in the next turn
        this.#read();
      }
      listener.onData(Buffer.from(bytes.subarray(0, cut)));
      if (this.#isEndDue) this.#endReading();
    });
  }

  #closeOutput(): void {
    this.world.at(Math.max(this.#lastArrival, this.world.now()), () => this.#endReading());
  }

  /** After everything that came before it has been read. */
  #endReading(): void {
    this.#isEndDue = true;
    if (this.#inbox.length > 0) return;
    this.#isEndDue = false;
    this.#hear(() => this.world.afterPoll(() => this.#listener?.onReadEnd()));
  }
}
