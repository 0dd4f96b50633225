/**
 * A simulated host: it takes tasks, runs them for a while, and reports. It may die, freeze, and
 * lose messages. It keeps to the rules of a host: without retries left, a task whose host fell
 * silent is not started again; the lock decides whose report counts.
 */
import { HostLostError } from '../../../src/cluster/errors.js';
import { readEnd, writeProgress } from '../../../src/cluster/wire/messages.js';
import { cut, type OutcomeKind, writeOutcome, writeReason } from '../../../src/cluster/wire/outcome.js';
import type { Seals } from '../../../src/cluster/wire/seal.js';
import { type ReadTask, readTask, withPast } from '../../../src/cluster/wire/task.js';
import { fromText, toText } from '../../../src/cluster/wire/text.js';
import { decode, encode } from '../../../src/ipc/codec/codec.js';
import { TaskCancelledError } from '../../../src/shared/errors.js';
import type { Random } from '../../../src/testing/random.js';
import type { Job, SimQueue } from './sim-queue.js';
import type { VirtualClock } from './virtual-clock.js';

export interface HostFaults {
  readonly lockMs: number;
  readonly latencyMs: number;
  loseEnd: number;
  /** How long a task runs, at most. */
  readonly runMs: number;
}

interface Running {
  readonly job: Job;
  readonly token: string;
  readonly task: ReadTask;
  readonly startedAt: number;
  attempts: number;
  isOver: boolean;
}

let lastToken = 0;

export class SimHost {
  readonly name: string;
  readonly slots: number;
  state: 'alive' | 'frozen' | 'dead' = 'alive';
  readonly #queue: SimQueue;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #seals: Seals;
  readonly faults: HostFaults;
  readonly #running: Map<string, Running> = new Map();
  #late: (() => void)[] = [];
  #isLooking = false;

  constructor(name: string, slots: number, queue: SimQueue, clock: VirtualClock, random: Random, seals: Seals, faults: HostFaults) {
    this.name = name;
    this.slots = slots;
    this.#queue = queue;
    this.#clock = clock;
    this.#random = random;
    this.#seals = seals;
    this.faults = faults;
    queue.hosts.add(this);
    this.#renewLater();
    this.onWork();
  }

  get running(): number {
    return this.#running.size;
  }

  die(): void {
    this.state = 'dead';
    for (const run of this.#running.values()) run.isOver = true;
    this.#running.clear();
    this.#queue.hosts.delete(this);
  }

  freeze(): void {
    if (this.state === 'alive') this.state = 'frozen';
  }

  /** What it missed happens now. */
  wake(): void {
    if (this.state !== 'frozen') return;
    this.state = 'alive';
    for (const act of this.#late.splice(0)) act();
    this.onWork();
  }

  /** Later, if it is frozen by then. */
  #after(ms: number, act: () => void): void {
    this.#clock.setTimer(() => {
      if (this.state === 'alive') act();
      else if (this.state === 'frozen') this.#late.push(act);
    }, ms);
  }

  #renewLater(): void {
    this.#after(this.faults.lockMs / 2, () => {
      for (const run of [...this.#running.values()]) {
        if (this.#queue.renew(run.job.id, run.token, this.faults.lockMs)) continue;
        run.isOver = true; // the fence: another host has it
        this.#running.delete(run.job.id);
      }
      this.#renewLater();
    });
  }

  onWork(): void {
    if (this.#isLooking || this.state === 'dead') return;
    this.#isLooking = true;
    this.#after(this.#random.skewed(this.faults.latencyMs), () => {
      this.#isLooking = false;
      while (this.#running.size < this.slots) {
        lastToken += 1;
        const token = `${this.name}-${lastToken}`;
        const job = this.#queue.take(token, this.faults.lockMs);
        if (job === undefined) return;
        this.#start(job, token);
      }
    });
  }

  #start(job: Job, token: string): void {
    const task = readTask(job.id, job.data, this.#seals, this.#clock.epoch + this.#clock.now());
    const { past, head } = task;
    const attempts = 1 + past.crash + past.timeout + past.error + job.silences;
    const run: Running = { job, token, task, startedAt: this.#clock.now(), attempts, isOver: false };
    this.#running.set(job.id, run);
    if (job.silences > 0 && past.crash + job.silences > head.retries.crash) {
      run.attempts -= 1;
      const details = { why: 'silent', host: undefined, taskId: job.id, taskName: head.name, attempts: [] } as const;
      this.#report(run, 'error', new HostLostError('its host is lost', details as never));
      return;
    }
    const { queueTimeoutMs, at } = head;
    if (queueTimeoutMs !== undefined && attempts === 1 && this.#clock.epoch + this.#clock.now() > at + queueTimeoutMs) {
      run.attempts = 0;
      this.#report(run, 'error', new Error('too late'));
      return;
    }
    const starts = this.#queue.ledger.starts.get(job.id);
    if (starts === undefined) this.#queue.ledger.starts.set(job.id, [this.#clock.now()]);
    else starts.push(this.#clock.now());
    this.#run(run);
  }

  /** The name of the task says what it does: `value`, `throws`, `crashes`, `flaky`, `large`, `long`, `progress`. */
  #run(run: Running): void {
    const { name } = run.task.head;
    const random = this.#random;
    const ms = name === 'long' ? 1e6 : random.skewed(this.faults.runMs);
    if (name === 'progress') {
      for (let count = 1; count <= 5; count += 1) {
        this.#after((ms * count) / 6, () => {
          if (run.isOver) return;
          const message = { attempt: run.attempts, count, value: toText(encode(run.attempts * 100 + count)) };
          this.#queue.emit({ kind: 'progress', id: run.job.id, message: writeProgress(run.job.id, message, this.#seals) });
        });
      }
    }
    this.#after(ms, () => {
      if (run.isOver) return;
      if (name === 'throws' || (name === 'flaky' && random.chance(0.5))) this.#failed(run, 'error');
      else if (name === 'crashes' && random.chance(0.5)) this.#failed(run, 'crash');
      else this.#report(run, 'value', resultOf(run));
    });
  }

  #failed(run: Running, why: 'crash' | 'error'): void {
    const { past, head } = run.task;
    const failures = past[why] + (why === 'crash' ? run.job.silences : 0);
    if (failures >= head.retries[why]) {
      const error = why === 'error' ? new TypeError(`thrown by ${run.job.id}`) : new Error('its worker died');
      this.#report(run, why === 'error' ? 'thrown' : 'error', error);
      return;
    }
    const data = withPast(run.job.id, run.job.data, { ...past, [why]: past[why] + 1 }, this.#seals);
    const number = past.crash + past.timeout + past.error;
    const delayMs = head.delaysMs[Math.min(number, head.delaysMs.length - 1)] ?? 0;
    this.#deliver(run, () => this.#queue.retry(run.job.id, run.token, data, delayMs));
  }

  onEnd(message: string): void {
    if (this.#random.chance(this.faults.loseEnd)) return;
    this.#after(this.#random.skewed(this.faults.latencyMs), () => {
      const end = readEnd('end', message, this.#seals);
      const run = end === undefined ? undefined : this.#running.get(end.id);
      if (end === undefined || run === undefined || run.isOver) return;
      const reason = fromText(end.reason);
      const value = reason === undefined ? undefined : decode(reason.codec, reason.body ?? '', reason.attachments);
      this.#after(this.#random.skewed(100), () => {
        if (!run.isOver) this.#report(run, 'cancelled', new TaskCancelledError('it was cancelled', { reason: value, forced: false }));
      });
    });
  }

  #report(run: Running, kind: OutcomeKind, value: unknown): void {
    const { job, attempts } = run;
    let text: string | undefined = toText(encode(value));
    let pieces: ReturnType<typeof cut>['pieces'] | undefined;
    if (run.task.head.name === 'large' && kind === 'value') {
      const parts = cut(run.token, text);
      job.rows.push(...parts.rows);
      text = undefined;
      pieces = parts.pieces;
    }
    const outcome = writeOutcome(
      job.id,
      { kind, text, pieces, attempts, ms: this.#clock.now() - run.startedAt, host: this.name },
      this.#seals,
    );
    this.#deliver(run, () => {
      if (kind === 'value') return this.#queue.report(job.id, run.token, 'completed', outcome);
      return this.#queue.report(job.id, run.token, 'failed', writeReason('it failed', outcome));
    });
  }

  /** The run is over; the store learns it a little later. */
  #deliver(run: Running, report: () => boolean): void {
    run.isOver = true;
    this.#after(this.#random.skewed(this.faults.latencyMs), () => {
      report();
      if (this.#running.get(run.job.id) === run) this.#running.delete(run.job.id);
      this.onWork();
    });
  }
}

/** The only argument, with the attempt, so that the outcome of another attempt is known. */
function resultOf({ task, attempts }: Running): unknown {
  const encoded = fromText(task.args);
  const args = encoded === undefined ? [] : (decode(encoded.codec, encoded.body ?? '', encoded.attachments) as unknown[]);
  return { item: args[0], attempts };
}
