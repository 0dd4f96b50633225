/**
 * What `serve` resolves to: the host as its program sees it. It shows neither the options, which
 * hold the password of the store and the secret, nor what only the store may call.
 */
import type { Pool } from '../../pool/pool.js';
import { custom, line, quoted } from '../../shared/inspection.js';
import type { Host, HostEvents } from '../types.js';
import type { HostCore } from './host-core.js';

export class HostHandle implements Host {
  readonly #core: HostCore;

  constructor(core: HostCore) {
    this.#core = core;
  }

  get id(): string {
    return this.#core.id;
  }
  get slots(): number {
    return this.#core.slots;
  }
  get state(): Host['state'] {
    return this.#core.state;
  }
  get running(): readonly string[] {
    return this.#core.running;
  }
  get pool(): Pool {
    return this.#core.pool;
  }

  close(options?: { drainMs?: number }): Promise<void> {
    return this.#core.close(options);
  }

  on<E extends keyof HostEvents>(event: E, listener: (payload: HostEvents[E]) => void): this {
    this.#core.on(event, listener);
    return this;
  }
  off<E extends keyof HostEvents>(event: E, listener: (payload: HostEvents[E]) => void): this {
    this.#core.off(event, listener);
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  [custom](): string {
    if (!(#core in this)) return 'Host {}';
    const { id, state, slots, running } = this;
    return line(`Host ${quoted(id)}`, state, `${running.length} of ${slots} slots taken`);
  }
}
