/** What the workers write to stderr. While they boot it is held back: a module that cannot load says so once, in the error, not once a worker. */
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

  /** From now on, and what came until now. */
  pass(): void {
    this.#isPassed = true;
    for (const chunk of this.#held.splice(0)) process.stderr.write(chunk);
  }
}
