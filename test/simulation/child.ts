/**
 * The program of a simulated process: the real runner, on a platform whose calls take virtual time.
 *
 * JavaScript that spins cannot be suspended here. So a task that spins returns immediately; its
 * process reads nothing until the time is over, and what it writes arrives only then. Where the
 * runner would start the next attempt immediately, the task returns a promise instead. No observer
 * outside the process can see the difference.
 */
import { FrameType, HEADER_BYTES, MAGIC } from '../../src/ipc/frame.js';
import type { Random } from '../../src/testing/random.js';
import type { WorkerPlatform } from '../../src/worker/platform.js';
import { Runner } from '../../src/worker/runner.js';
import { Forger, type Forgery } from './forger.js';
import type { Ledger, Witnessed } from './ledger.js';
import type { SimControlFile } from './sim-control-file.js';
import { type TaskProcess, tasksOf } from './tasks.js';
import type { World } from './world.js';

/** The process of this program, as its kernel offers it. */
export interface ChildPlatform extends Witnessed {
  readonly world: World;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly controlFile: SimControlFile;
  readonly isStopped: boolean;
  /** The runner, or task code, has taken the offer of this attempt. */
  claimed(seq: number): void;
  stolen(seq: number): void;
  /** It has read this number of bytes. */
  taken(count: number): void;
  /** When it arrives at the parent; undefined if the parent can no longer read it. */
  write(bytes: Buffer): number | undefined;
  print(text: string): void;
  die(exitCode: number | null, signal: NodeJS.Signals | null): void;
}

export class Child implements TaskProcess {
  readonly process: ChildPlatform;
  readonly runner: Runner;
  #state: 'loading' | 'running' | 'over' = 'loading';
  #bytes: Buffer = Buffer.alloc(0);
  #isFeeding = false;
  /** The time of the process: while a task spins, ahead of the world's. */
  #time = 0;
  readonly #bornAt: number;
  #doorsUsed = 0;
  /** The Run frames that wait in the runner. */
  readonly #queued = new Set<number>();
  #claimedUpTo = 0;
  readonly #waiting: (() => void)[] = []; // while it is stopped, or spins without end
  #isHungUp = false;
  #header: Buffer = Buffer.alloc(0); // of the present frame, as far as it has come
  #lastSeq = 0;
  #missing = 0; // bytes of its body that are still to come
  #isLazy = false;
  #forgery: Forgery | undefined;
  readonly #forger: Forger;

  constructor(process: ChildPlatform) {
    this.process = process;
    this.#bornAt = process.world.now();
    this.#forger = new Forger(process.random.fork(1));
    this.runner = new Runner(this.#platform());
  }

  get isOver(): boolean {
    return this.#state === 'over' || !this.process.isAlive;
  }
  get now(): number {
    return Math.max(this.#time, this.process.world.now());
  }

  /** Node has started, and reads. */
  start(): void {
    this.#state = 'running';
    this.#feed();
  }

  receive(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    this.#feed();
  }

  parentDied(): void {
    this.later(0, () => this.runner.onParentLost());
  }

  hungUp(): void {
    this.#isHungUp = true;
    this.#bytes = Buffer.alloc(0);
  }

  /** SIGCONT. */
  resume(): void {
    for (const run of this.#waiting.splice(0)) this.later(0, run);
  }

  later(delayMs: number, run: () => void): void {
    const { world } = this.process;
    if (this.now === Number.POSITIVE_INFINITY) {
      this.#waiting.push(run);
      return;
    }
    world.at(this.now + delayMs, () => {
      if (!this.process.isAlive) return;
      if (this.process.isStopped) this.#waiting.push(run);
      else if (this.#time > world.now()) this.later(0, run);
      else run();
    });
  }

  within(delayMs: number, run: () => void): void {
    const { world } = this.process;
    world.at(world.now() + delayMs, () => {
      if (!this.process.isAlive) return;
      if (this.process.isStopped) this.within(1, run);
      else run();
    });
  }

  spin(ms: number): boolean {
    this.#time = this.now + ms;
    return this.#queued.size === 0;
  }
  stopSpinning(): void {
    this.#time = this.process.world.now();
    this.resume();
  }

  /** From now on it answers, and starts nothing of what it is sent. */
  beLazy(): void {
    this.#isLazy = true;
  }

  /** From now on, for a while, its task code writes where it should not. */
  forge(forgery: Forgery): void {
    this.#forgery = forgery;
    if (forgery !== 'frame' && forgery !== 'control-file') return;
    const { process } = this;
    for (let count = process.random.integer(1, 8); count > 0; count -= 1) {
      this.within(process.random.skewed(500), () => {
        if (forgery === 'control-file') this.#steal();
        else this.#sayForged(this.#forger.invented(this.#lastSeq, process.world.now()));
      });
    }
  }

  /** Reads what is offered to the worker. Sometimes that is the last thing it does. */
  #steal(): void {
    for (const seq of this.#forger.steal(this.process.controlFile)) this.process.stolen(seq);
    if (!this.process.ledger.isCalm && this.process.random.chance(0.1)) this.exit(1);
  }

  #sayForged(bytes: Buffer): void {
    if (!this.#isHungUp) this.process.write(bytes);
  }

  /**
   * Gives the runner what has arrived, cut anywhere, but at most one whole message: it would run
   * two tasks in no time.
   */
  #feed(): void {
    if (this.#isFeeding || this.#state !== 'running' || this.#bytes.length === 0) return;
    this.#isFeeding = true;
    this.later(0, () => {
      this.#isFeeding = false;
      const { random } = this.process;
      const length = this.#bytes.length < HEADER_BYTES ? this.#bytes.length : this.#rest;
      const take = !this.#isLazy && random.chance(0.1) ? random.integer(1, length) : length;
      const piece = this.#take(take);
      if (piece.length === 0) return;
      if (!this.#isSwallowed(piece)) this.runner.receive(piece);
      this.#feed();
    });
  }

  /** A lazy process reads whole messages, and ignores those that ask it to work. */
  #isSwallowed(piece: Buffer): boolean {
    if (!this.#isLazy) return false;
    const isHead = piece.length >= HEADER_BYTES && piece.readUInt16LE(0) === MAGIC;
    return isHead && piece[2] === FrameType.Run && piece[31] === 0 && this.#missing === 0 && this.#header.length === 0;
  }

  get #rest(): number {
    if (this.#missing > 0) return Math.min(this.#missing, this.#bytes.length);
    const head = Buffer.concat([this.#header, this.#bytes.subarray(0, HEADER_BYTES - this.#header.length)]);
    if (head.length < HEADER_BYTES) return this.#bytes.length;
    return Math.min(this.#bytes.length, HEADER_BYTES - this.#header.length + head.readUInt32LE(4));
  }

  #take(count: number): Buffer {
    const piece = Buffer.from(this.#bytes.subarray(0, count));
    this.#bytes = this.#bytes.subarray(piece.length);
    this.process.taken(piece.length);
    let at = 0;
    while (at < piece.length) {
      if (this.#missing > 0) {
        const step = Math.min(this.#missing, piece.length - at);
        this.#missing -= step;
        at += step;
        continue;
      }
      const step = Math.min(HEADER_BYTES - this.#header.length, piece.length - at);
      this.#header = Buffer.concat([this.#header, piece.subarray(at, at + step)]);
      at += step;
      if (this.#header.length < HEADER_BYTES) continue;
      this.#missing = this.#header.readUInt32LE(4);
      if (this.#header[2] === FrameType.Run) {
        this.#lastSeq = this.#header.readDoubleLE(8);
        if (this.#lastSeq > this.#claimedUpTo) this.#queued.add(this.#lastSeq);
      } else if (this.#header[2] === FrameType.Recalled) {
        const [upTo, kept] = [this.#header.readDoubleLE(8), this.#header.readDoubleLE(16)];
        for (const seq of this.#queued) if (seq > kept && seq <= upTo) this.#queued.delete(seq);
      }
      this.#header = Buffer.alloc(0);
    }
    return piece;
  }

  /**
   * Every call of the platform asks here first. True: the process dies here, and the call does
   * nothing.
   */
  #passes(): boolean {
    const { process } = this;
    if (!process.isAlive || this.#state === 'over') return true;
    this.#doorsUsed += 1;
    if (this.#doorsUsed < process.fate.lastDoor) return false;
    this.#end(null, 'SIGKILL');
    return true;
  }

  #end(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    const { process } = this;
    if (this.now <= process.world.now()) process.die(code, signal);
    else process.world.at(this.now, () => process.die(code, signal));
  }

  crash(signal: NodeJS.Signals): void {
    this.#end(null, signal);
  }
  exit(code: number): void {
    this.#end(code, null);
  }

  #platform(): WorkerPlatform {
    const { process } = this;
    const { controlFile, ledger, fate } = process;
    return {
      now: () => {
        const stalledFor = this.now - this.#bornAt - fate.clockStallsAt;
        return stalledFor > 0 && stalledFor < fate.clockStallsMs ? this.now - stalledFor : this.now;
      },
      controlFile: {
        claim: () => {
          if (this.#passes()) return 0;
          const seq = controlFile.claim();
          if (seq > 0) {
            this.#claimedUpTo = seq;
            for (const queued of this.#queued) if (queued <= seq) this.#queued.delete(queued);
            process.claimed(seq);
          }
          this.#passes(); // claimed, and dead before anything else happens
          if (this.#forgery === 'control-file' && process.random.chance(0.5)) this.#steal(); // as the task would
          return seq;
        },
        startItems: (seq, count) => {
          if (this.#passes()) return;
          controlFile.startItems(seq, count);
          ledger.itemNoted(process, seq);
          this.#passes(); // recorded, and dead before the item is called
        },
        abortKind: (seq) => controlFile.abortKind(seq),
      },
      send: (parts) => {
        if (!process.isAlive || this.#state === 'over') return;
        const bytes = Buffer.concat(parts);
        if (this.#passes()) {
          // Death in the middle of a write: any part of it may have left.
          process.write(Buffer.from(bytes.subarray(0, process.random.integer(0, bytes.length - 1))));
          return;
        }
        if (this.now <= process.world.now()) this.#say(bytes);
        else {
          process.world.at(this.now, () => {
            if (process.isAlive) this.#say(bytes);
          });
        }
      },
      exit: (code) => this.#end(code, null),
      load: () => this.#load(),
      compile: (source) => {
        throw new SyntaxError(`no source can be compiled here: ${source}`);
      },
      print: (text) => {
        if (process.isAlive && fate.spawnError === undefined) process.print(text);
      },
    };
  }

  #say(bytes: Buffer): void {
    if (this.#forgery === 'header' && this.process.random.chance(0.3)) {
      this.#sayForged(this.#forger.altered(bytes, this.process.world.now()));
      return;
    }
    if (this.#forgery === 'values' && bytes[2] === FrameType.Value)
      for (const value of this.#forger.flood(bytes)) this.process.write(value);
    const arrivesAt = this.#isHungUp ? undefined : this.process.write(bytes);
    if (arrivesAt === undefined) {
      this.#end(1, null); // EPIPE
      return;
    }
    const type = bytes[2] as number;
    if (type === FrameType.Result || type === FrameType.Failure) {
      const reply = type === FrameType.Result ? 'result' : 'failure';
      this.process.ledger.replied(this.process, bytes.readDoubleLE(8), reply, arrivesAt);
    }
  }

  #load(): Promise<Record<string, unknown>> {
    const { fate } = this.process;
    return new Promise((resolve, reject) => {
      this.later(fate.bootMs / 4, () => {
        if (fate.boot === 'works') resolve(tasksOf(this));
        if (fate.boot === 'throws') reject(new Error('the module throws'));
        if (fate.boot === 'exits') this.exit(3);
        if (fate.boot === 'crashes') this.crash('SIGSEGV');
      });
    });
  }
}
