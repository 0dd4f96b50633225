/**
 * Forwards the stderr of the workers. It is held back while they boot, because the error of a
 * module that cannot load appears once in the command's message, not once per worker.
 */
import type { Pool } from '../pool/pool.js';

const MAX_HELD_BYTES = 64 * 1024;

export class WorkerOutput {
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #isPassed = false;

  constructor(pool: Pool<Record<string, never>>) {
    pool.on('stderr', ({ chunk }) => {
      if (this.#isPassed) process.stderr.write(chunk);
      else if (this.#heldBytes < MAX_HELD_BYTES) {
        this.#held.push(chunk);
        this.#heldBytes += chunk.length;
      }
    });
  }

  /** Forwards what was held back, and everything from now on. */
  pass(): void {
    this.#isPassed = true;
    for (const chunk of this.#held.splice(0)) process.stderr.write(chunk);
  }
}
