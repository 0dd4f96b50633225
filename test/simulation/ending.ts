/** The ways in which a pool is ended. */
import type { Pool } from '../../src/pool/pool.js';
import type { Ending } from './action.js';

/** These target whatever runs. */
export function isForced(ending: Ending): boolean {
  return ending.includes('terminate') || ending.includes('kill') || ending === 'close in time';
}

/** Makes the calls of this ending, in order, and returns their promises. */
export function endPool(pool: Pool<object>, ending: Ending): { readonly how: string; readonly promise: Promise<void> }[] {
  switch (ending) {
    case 'close':
      return [{ how: 'close', promise: pool.close() }];
    case 'close in time':
      return [{ how: 'close', promise: pool.close({ timeoutMs: 500 }) }];
    case 'close and cancel':
      return [{ how: 'close', promise: pool.close({ cancelQueued: true }) }];
    case 'close, terminate':
      return [
        { how: 'close', promise: pool.close() },
        { how: 'terminate', promise: pool.terminate() },
      ];
    case 'terminate':
      return [{ how: 'terminate', promise: pool.terminate({ graceMs: 20 }) }];
    case 'terminate, kill':
      return [
        { how: 'terminate', promise: pool.terminate() },
        { how: 'kill', promise: pool.kill() },
      ];
    case 'kill':
      return [{ how: 'kill', promise: pool.kill() }];
  }
}
