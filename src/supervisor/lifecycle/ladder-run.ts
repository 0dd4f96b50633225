/**
 * Sends the signals of a kill ladder to one process, each after the time that the previous one had.
 * It owns the step that it has reached; the timer is the worker's.
 */

import type { Patience } from '../../shared/patience.js';
import type { WorkerProcess } from '../../shared/platform.js';
import type { LadderStep } from './kill-ladder.js';

export class LadderRun {
  readonly #process: WorkerProcess;
  readonly #patience: Patience;
  readonly #onTop: () => void;
  #stepsLeft: number = Number.POSITIVE_INFINITY; // the current step included

  /** `onTop` is called when not even the last signal has ended the process. */
  constructor(process: WorkerProcess, patience: Patience, onTop: () => void) {
    this.#process = process;
    this.#patience = patience;
    this.#onTop = onTop;
  }

  /** Begins with the first step, unless an equally strong ladder is already running. */
  begin(ladder: readonly LadderStep[]): void {
    if (ladder.length >= this.#stepsLeft) return;
    this.#stepsLeft = ladder.length;
    const [step, ...rest] = ladder;
    if (step === undefined) {
      this.#onTop();
      return;
    }
    this.#process.signal(step.signal);
    this.#patience.start(step.waitMs, () => this.begin(rest));
  }
}
