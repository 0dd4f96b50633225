/** The ways in which the user of the simulated pool maps. */
import type { Pool } from '../../src/pool/pool.js';
import type { Action } from './plan.js';
import type { SimModule } from './tasks.js';
import type { World } from './world.js';

export type MapAction = Extract<Action, { do: 'map' }>;

export function map(pool: Pool<SimModule>, world: World, action: MapAction): { done: Promise<void>; cancel: () => Promise<void> } {
  const { name, ordered, use } = action;
  const isEndless = use === 4;
  const bufferSize = isEndless ? 1 + (action.count % 5) : undefined;
  let pulled = 0;
  let taken = 0;
  function* items(): Generator<number> {
    for (; isEndless || pulled < action.count; ) {
      pulled += 1;
      // One more has been handed over, and is counted a moment later.
      if (bufferSize !== undefined && pulled > taken + 1 + bufferSize)
        world.fault(`G12: a map has pulled ${pulled} items, ${taken} taken, bufferSize ${bufferSize}`);
      yield pulled % 7;
    }
  }
  const batch = pool.map(name, items(), { ordered, ...(isEndless ? { bufferSize, onError: 'continue' } : {}) });
  const read = async (): Promise<void> => {
    if (use === 0) await batch;
    else if (use === 1) await batch.settled();
    else if (use === 2) for await (const value of batch) void value;
    else {
      for await (const outcome of batch.outcomes()) {
        void outcome;
        taken += 1;
        if (isEndless && (taken > action.count || pool.state !== 'open')) break;
      }
    }
  };
  return { done: read(), cancel: () => batch.cancel() };
}
