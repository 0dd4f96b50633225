/** How the user of the simulated pool maps, reads streams, and leaves scopes. */
import type { Pool } from '../../src/pool/pool.js';
import { WorkerDiedError } from '../../src/shared/errors.js';
import type { Action } from './action.js';
import type { Hostile } from './hostile.js';
import type { Ledger, TaskEntry } from './ledger.js';
import type { SimModule } from './tasks.js';
import type { World } from './world.js';

export type MapAction = Extract<Action, { do: 'map' }>;

export type StreamAction = Extract<Action, { do: 'stream' }>;

/**
 * Reads a stream, to its end or `takes` values of it, and checks that each comes once and in order.
 */
export async function stream(pool: Pool<SimModule>, world: World, ledger: Ledger, action: StreamAction): Promise<void> {
  const { count, takes, pauseMs, retries } = action;
  const values = pool.stream('yields', [count, action.stepMs], { retries });
  const { id } = values.task;
  if (id > 0) ledger.submitted(id, 'yields', 1 + retries, true);
  let expected = 0;
  for await (const value of values) {
    if (value !== expected && ledger.forgers.size === 0) world.fault(`stream: ${String(value)} came where ${expected} should`);
    expected += 1;
    if (expected > takes) break;
    if (pauseMs > 0) await new Promise<void>((resolve) => world.at(world.now() + pauseMs, () => world.arrive(resolve)));
  }
  if (expected < Math.min(count, takes) && ledger.forgers.size === 0) world.fault(`stream: it ended after ${expected} of ${count} values`);
}

export function map(
  pool: Pool<SimModule>,
  world: World,
  hostile: Hostile,
  action: MapAction,
): { done: Promise<void>; cancel: () => Promise<void> } {
  const { name, ordered, use } = action;
  const isEndless = use === 4;
  const bufferSize = isEndless ? 1 + (action.count % 5) : undefined;
  let pulled = 0;
  let taken = 0;
  function* items(): Generator<number> {
    for (; isEndless || pulled < action.count; ) {
      pulled += 1;
      // One more has been handed over; it is counted a moment later. When the pool ends, one more is
      // read: only then it is known whether there was more to come.
      const ahead = pool.state === 'open' ? 1 : 2;
      if (bufferSize !== undefined && pulled > taken + ahead + bufferSize)
        world.fault(`G12: a map has pulled ${pulled} items, ${taken} taken, bufferSize ${bufferSize}`);
      yield pulled % 7;
    }
  }
  const batch = pool.map(name, hostile.items(items) as Iterable<number>, {
    ordered,
    ...(isEndless ? { bufferSize, onError: 'continue' } : {}),
  });
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

export type ScopeAction = Extract<Action, { do: 'scope' }>;

/** Starts tasks in a scope and leaves it: then all of them have ended. */
export async function leaveScope(pool: Pool<SimModule>, world: World, ledger: Ledger, action: ScopeAction): Promise<void> {
  const scope = pool.scope();
  const entries: TaskEntry[] = [];
  for (const name of action.names) {
    const task = scope.run(name, [1]);
    if (task.id > 0) entries.push(ledger.submitted(task.id, name, 1, true));
  }
  await new Promise<void>((resolve) => world.at(world.now() + action.leaveAfterMs, () => world.arrive(resolve)));
  const ended = scope.kill('the scope was left');
  for (const entry of entries) ledger.ended(entry);
  await ended;
  for (const entry of entries) ledger.checkEnded(entry, 'leaving the scope');
}

export type ChunksAction = Extract<Action, { do: 'chunks' }>;

/**
 * A map whose items travel in chunks: each gets its own result, and starts no more often than it
 * may (G2, G3).
 */
export async function chunks(pool: Pool<SimModule>, world: World, ledger: Ledger, action: ChunksAction): Promise<void> {
  const { count, chunkSize, retries, stepMs, poison } = action;
  const keys = ledger.newItems(count, 1 + retries, poison);
  const items = keys.map((key): [number, number] => [key, stepMs]);
  const batch = pool.starmap('item', items, { chunkSize, retries, onError: 'continue' });
  for await (const outcome of batch.outcomes()) {
    const key = keys[outcome.index] as number;
    if (outcome.status === 'rejected' && outcome.reason instanceof WorkerDiedError) ledger.itemDied(key);
    if (outcome.status === 'fulfilled' && outcome.value !== key && ledger.forgers.size === 0)
      world.fault(`G7: item ${key} got the result ${String(outcome.value)}`);
  }
}

/**
 * A long task that waits for more short ones than a worker can be sent: they run beside it, in its
 * worker too (G11).
 */
export async function flood(pool: Pool<SimModule>, world: World, ledger: Ledger, count: number): Promise<void> {
  ledger.floodLeft = count;
  const long = pool.run('waitsForOthers', []);
  if (long.id > 0) ledger.submitted(long.id, 'waitsForOthers', 1, true);
  const shorts = Array.from({ length: count }, async () => {
    const task = pool.run('quick', [1]);
    if (task.id > 0) ledger.submitted(task.id, 'quick', 1, true);
    try {
      await task;
    } finally {
      ledger.floodLeft -= 1;
    }
  });
  await Promise.allSettled([long, ...shorts]);
  world.log('the flood is over', count);
}
