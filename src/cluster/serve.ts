/** Starts a host over a real store. */
import { NodeClock } from '../shared/node-clock.js';
import { HostCore } from './host/host-core.js';
import { HostHandle } from './host/host-handle.js';
import { hostPoolOptions, resolveServeOptions } from './host/host-options.js';
import { HostPool } from './host/local-pool.js';
import { openHostStore } from './store/bull-host-store.js';
import { isRefusal } from './store/refusals.js';
import type { Host, ServeOptions } from './types.js';

/** How long the store may take to answer for the first time. */
const CONNECT_TIMEOUT_MS = 10_000;

/** The store measures with `performance.now()`, so the host does too. */
class HostClock extends NodeClock {
  override now(): number {
    return performance.now();
  }
}

/**
 * One machine's share of the cluster: takes tasks from the store and runs them in a pool of its
 * own. Resolves once it is connected and its pool is ready. Rejects if the store refuses it
 * (StoreError), if the module cannot be loaded (PoolBrokenError), or with the reason of the signal;
 * then no process and no connection is left.
 * @throws OptionsError (ERR_EVERPOOL_OPTIONS) naming the option, the rule and the value
 * @example
 * const host = await serve(new URL('./tasks.js', import.meta.url), { connection: { redis: url } });
 * process.once('SIGTERM', () => host.close());
 */
export async function serve(module: string | URL, options: ServeOptions): Promise<Host> {
  const resolved = resolveServeOptions(options);
  const pool = new HostPool(hostPoolOptions(module, resolved));
  let host: HostCore;
  try {
    host = new HostCore(resolved, pool, {
      clock: new HostClock(),
      epochNow: Date.now,
      isRefusal,
      openStore: (listener) => openHostStore({ ...resolved, slots: pool.slots, connectTimeoutMs: CONNECT_TIMEOUT_MS }, listener),
    });
  } catch (error) {
    await pool.kill();
    throw error;
  }
  await host.start();
  return new HostHandle(host);
}
