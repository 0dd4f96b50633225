/**
 * Finds workers that live and do nothing: stopped ones in any state, and those that do not answer though no task of theirs runs.
 *
 * A worker in which a started attempt runs may be busy for an hour, and is left alone unless it is stopped. One that starts nothing of
 * what it is given does not work, whatever else it says. The others are asked: by a message that any turn of their event loop answers. Where the system tells the state of a process, one that sleeps
 * quietly is asked seldom, as reading that costs a tenth of a message (P9).
 */
import type { Clock, Timer } from '../../shared/platform.js';
import type { Worker } from '../lifecycle/worker.js';

export interface HeartbeatRule {
  readonly intervalMs: number;
  /** How long a worker may be stopped, or stay silent after it was asked. */
  readonly timeoutMs: number;
}

/** A worker that sleeps is asked when it has been silent for this part of `timeoutMs`. */
const PATIENCE = 0.75;

/** What is known of one worker. */
interface Pulse {
  /** When the worker last spoke, as it was at the last look. */
  spokeAt: number;
  heardAt: number;
  askedAt: number | undefined;
  stoppedAt: number | undefined;
  /** When this process had last stood still. */
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

  /** There is a worker to look after. */
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
      // What came while this process was busy is read first.
      this.#clock.afterPoll(() => this.#checkAll());
    }, this.#rule.intervalMs);
  }

  #checkAll(): void {
    const now = this.#clock.now();
    // This process has stood still: its workers' silence says nothing.
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
      if (stoppedMs >= this.#rule.timeoutMs) worker.fail('unresponsive', `it was stopped, for at least ${Math.round(stoppedMs)} ms`);
      return;
    }
    pulse.stoppedAt = undefined;
    const load = worker.client?.load ?? 0;
    const isBusy = load > 0 && (worker.client?.countStarted() ?? 0) > 0;
    if (wasAway) pulse.awayAt = now;
    const owedMs = now - Math.max(isBusy ? now : (worker.client?.owesSince() ?? now), pulse.awayAt);
    if (owedMs >= this.#rule.timeoutMs) {
      failAsHung(worker, `it had started nothing of what it was sent ${Math.round(owedMs)} ms ago`);
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
      if (silentMs >= this.#rule.timeoutMs) failAsHung(worker, `it ran no task, and was asked ${Math.round(silentMs)} ms ago`);
      return;
    }
    const isDue = vitals?.isSleeping !== true || now - pulse.heardAt >= PATIENCE * this.#rule.timeoutMs;
    if (!isDue && load === 0) return;
    worker.ping();
    pulse.askedAt = now;
  }
}

/** Unless it has started something in this very moment. */
function failAsHung(worker: Worker, detail: string): void {
  if (worker.client?.mayKillAsHung() ?? true) worker.fail('unresponsive', detail);
}
