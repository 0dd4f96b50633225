/**
 * Finds workers that are alive but hung, and fails them as `unresponsive`.
 *
 * A stopped worker (SIGSTOP) is hung in any state. A worker with a running attempt may be busy for
 * an hour and is otherwise left alone. A worker that starts none of the attempts it was sent is
 * hung, whatever else it sends. All other workers get a ping, which any turn of their event loop
 * answers. Where the system reports process states, a sleeping worker is pinged rarely, because
 * reading its state costs a tenth of a ping.
 */
import type { Clock, Timer } from '../../shared/platform.js';
import type { Worker } from '../lifecycle/worker.js';

export interface HeartbeatRule {
  readonly intervalMs: number;
  /** How long a worker may be stopped, start nothing, or leave a ping unanswered. */
  readonly timeoutMs: number;
}

/** A sleeping worker gets a ping after this fraction of `timeoutMs` in silence. */
const PATIENCE = 0.75;

/** The heartbeat's record of one worker. */
interface Pulse {
  /** The worker's `heardAt` at the previous check. */
  spokeAt: number;
  /** When a check last found the worker active. */
  heardAt: number;
  askedAt: number | undefined;
  stoppedAt: number | undefined;
  /** The last check that followed a pause of this process. */
  awayAt: number;
}

export class Heartbeat {
  readonly #clock: Clock;
  readonly #rule: HeartbeatRule;
  readonly #workers: () => Iterable<Worker>;
  readonly #pulses = new WeakMap<Worker, Pulse>();
  #timer: Timer | undefined;
  #checkedAt = 0;

  constructor(clock: Clock, rule: HeartbeatRule, workers: () => Iterable<Worker>) {
    this.#clock = clock;
    this.#rule = rule;
    this.#workers = workers;
  }

  /** There is a worker to check. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#checkedAt = this.#clock.now();
    this.#arm();
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      // Messages that arrived while this process was busy are read first.
      this.#clock.afterPoll(() => this.#checkAll());
    }, this.#rule.intervalMs);
  }

  #checkAll(): void {
    const now = this.#clock.now();
    // After a pause of this process, the silence of its workers means nothing.
    const wasAway = now - this.#checkedAt > 2 * this.#rule.intervalMs;
    this.#checkedAt = now;
    let isNeeded = false;
    for (const worker of this.#workers()) {
      if (worker.state === 'dead') continue;
      isNeeded = true;
      if (worker.state === 'starting' || worker.state === 'ready' || worker.state === 'draining') this.#check(worker, now, wasAway);
    }
    if (isNeeded && this.#timer === undefined) this.#arm();
  }

  #check(worker: Worker, now: number, wasAway: boolean): void {
    const pulse = this.#pulses.get(worker) ?? { spokeAt: 0, heardAt: now, askedAt: undefined, stoppedAt: undefined, awayAt: 0 };
    this.#pulses.set(worker, pulse);
    const vitals = worker.vitals();
    if (vitals?.isStopped === true) {
      pulse.stoppedAt ??= now;
      const stoppedMs = now - pulse.stoppedAt;
      if (stoppedMs >= this.#rule.timeoutMs) worker.fail('unresponsive', `stopped for at least ${Math.round(stoppedMs)} ms`);
      return;
    }
    pulse.stoppedAt = undefined;
    const load = worker.client?.load ?? 0;
    const isBusy = load > 0 && (worker.client?.countStarted() ?? 0) > 0;
    if (wasAway) pulse.awayAt = now;
    const owedMs = now - Math.max(isBusy ? now : (worker.client?.owesSince() ?? now), pulse.awayAt);
    if (owedMs >= this.#rule.timeoutMs) {
      failAsHung(worker, `started no task since it was sent one ${Math.round(owedMs)} ms ago`);
      return;
    }
    const hasSpoken = worker.heardAt !== pulse.spokeAt;
    pulse.spokeAt = worker.heardAt;
    if (hasSpoken || wasAway || worker.state === 'starting' || isBusy) {
      pulse.heardAt = now;
      pulse.askedAt = undefined;
      return;
    }
    if (pulse.askedAt !== undefined) {
      const silentMs = now - pulse.askedAt;
      if (silentMs >= this.#rule.timeoutMs) failAsHung(worker, `ran no task and left a ping unanswered for ${Math.round(silentMs)} ms`);
      return;
    }
    const isDue = vitals?.isSleeping !== true || now - pulse.heardAt >= PATIENCE * this.#rule.timeoutMs;
    if (!isDue && load === 0) return;
    worker.ping();
    pulse.askedAt = now;
  }
}

/** Fails the worker, unless it has started an attempt in this very moment. */
function failAsHung(worker: Worker, detail: string): void {
  if (worker.client?.mayKillAsHung() ?? true) worker.fail('unresponsive', detail);
}
