/** Sends the signals of a kill ladder to one process, each when the one before it has had its time. */

import type { Patience } from '../../shared/patience.js';
import type { WorkerProcess } from '../../shared/platform.js';
import type { LadderStep } from './kill-ladder.js';

export class Climb {
  readonly #process: WorkerProcess;
  readonly #patience: Patience;
  readonly #onTop: () => void;
  #stepsLeft: number = Number.POSITIVE_INFINITY; // the present one included

  /** `onTop`: not even the last signal has ended it. */
  constructor(process: WorkerProcess, patience: Patience, onTop: () => void) {
    this.#process = process;
    this.#patience = patience;
    this.#onTop = onTop;
  }

  /** Begins with the first step, unless it is being ended as strongly already. */
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
