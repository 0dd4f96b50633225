/** Starts simulated processes; each has a fate of its own, drawn from the seed and its number. */
import type { ProcessListener, Spawner, WorkerProcess } from '../../src/shared/doors.js';
import { type FaultRates, fateOf, NO_FAULTS } from './fate.js';
import type { Ledger } from './ledger.js';
import type { Random } from './random.js';
import { SimProcess } from './sim-process.js';
import type { World } from './world.js';

export class SimSpawner implements Spawner {
  readonly processes: SimProcess[] = [];
  isClosed = false;
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #rates: FaultRates;

  constructor(world: World, ledger: Ledger, random: Random, rates: FaultRates) {
    this.#world = world;
    this.#ledger = ledger;
    this.#random = random;
    this.#rates = rates;
  }

  spawn(workerId: number, listener: ProcessListener): WorkerProcess {
    if (this.isClosed) this.#world.fault(`G9: worker ${workerId} was spawned after the pool had closed`);
    const random = this.#random.fork(workerId);
    const fate = fateOf(random, this.#ledger.isCalm ? NO_FAULTS : this.#rates);
    this.#world.tell('spawn', workerId);
    const process = new SimProcess(workerId, this.#world, this.#ledger, random, fate, listener);
    this.processes.push(process);
    return process;
  }

  close(): void {
    this.isClosed = true;
  }
}
