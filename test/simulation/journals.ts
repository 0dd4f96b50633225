/**
 * The user of the simulated pool maps with a journal, twice. Its rules hold whatever the disk does.
 */
import type { Pool } from '../../src/pool/pool.js';
import type { Action } from './action.js';
import type { Ledger } from './ledger.js';
import type { SimDisk } from './sim-disk.js';
import type { SimModule } from './tasks.js';
import { codeOf, nameOf } from './text.js';
import type { World } from './world.js';

export type JournalAction = Extract<Action, { do: 'journal' }>;

interface Reported {
  readonly index: number;
  readonly status: 'fulfilled' | 'rejected';
  readonly value?: unknown;
  readonly reason?: unknown;
}

const ROUNDS = 2;

/** Runs the same map twice: an item that was reported is on the disk, and never runs again. */
export async function journal(pool: Pool<SimModule>, world: World, ledger: Ledger, disk: SimDisk, action: JournalAction): Promise<void> {
  const { count, stepMs, use } = action;
  const keys = ledger.newItems(count, ROUNDS, undefined);
  const path = disk.newPath();
  for (let round = 0; round < ROUNDS; round += 1) {
    const failures = disk.failuresOf(path);
    const items = keys.map((key): [number, number] => [key, stepMs]);
    const batch = pool.starmap('item', items, { journal: path, onError: 'continue' });
    let error: unknown;
    const onReported = ({ index, status, value, reason }: Reported): void => {
      const key = keys[index] as number;
      if (status !== 'fulfilled') {
        error = reason ?? error; // a map that does not reject reports it as an outcome
        return;
      }
      if (!disk.holds(path, index)) world.fault(`journal: item ${key} is reported, and is not on the disk`);
      if (value !== key && ledger.forgers.size === 0) world.fault(`G7: item ${key} of a journal has the result ${nameOf(value)}`);
      ledger.itemReported(key);
    };
    try {
      if (use === 0) for (const [index, outcome] of (await batch.settled()).entries()) onReported({ index, ...outcome });
      else if (use === 1) for await (const outcome of batch.outcomes()) onReported(outcome);
      else await batch;
    } catch (thrown) {
      error = thrown ?? new Error('nothing');
    }
    const isOfJournal = codeOf(error) === 'ERR_EVERPOOL_JOURNAL';
    const hasFailed = disk.failuresOf(path) > failures;
    if (hasFailed && error === undefined) world.fault('journal: the disk has failed, and the map ends as if nothing were');
    if (!hasFailed && isOfJournal) world.fault(`journal: nothing has failed, and yet ${nameOf(error)}`);
    if (pool.state !== 'open') return;
  }
}
