/** Whether the store answers: reports when it stops to, and when it does again. */
import { asError, messageOf } from './refusals.js';

const PROBE_MS = 1000;
/** Different errors of one outage. */
const MOST_SAID = 20;

export interface HealthListener {
  onError(error: Error): void;
  onRecovered(): void;
}

export class Health {
  readonly #listener: HealthListener;
  readonly #probe: () => Promise<unknown>;
  #state: 'up' | 'down' | 'closed' = 'up';
  /** What was reported since it has stopped to answer. */
  readonly #said = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** @param probe any small call of the store */
  constructor(listener: HealthListener, probe: () => Promise<unknown>) {
    this.#listener = listener;
    this.#probe = probe;
  }

  /** The store is away, or does not let us do something. The same error is reported once. */
  failed(error: unknown): void {
    if (this.#state === 'closed') return;
    const message = messageOf(error);
    const isNew = !this.#said.has(message) && this.#said.size < MOST_SAID;
    if (isNew) this.#said.add(message);
    if (this.#state === 'up') this.#probeLater();
    this.#state = 'down';
    if (isNew) this.#listener.onError(asError(error));
  }

  /** Something is wrong, but the store answers. */
  odd(error: unknown): void {
    if (this.#state !== 'closed') this.#listener.onError(asError(error));
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#timer);
  }

  #probeLater(): void {
    this.#timer = setTimeout(async () => {
      try {
        await this.#probe();
      } catch (error) {
        this.failed(error);
        if (this.#state === 'down') this.#probeLater();
        return;
      }
      if (this.#state !== 'down') return;
      this.#state = 'up';
      this.#said.clear();
      this.#listener.onRecovered();
    }, PROBE_MS).unref();
  }
}
