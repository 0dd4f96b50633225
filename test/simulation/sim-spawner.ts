/** Starts simulated processes. Each has a fate of its own, drawn from the seed and its number. */
import type { ProcessListener, Spawner, WorkerProcess } from '../../src/shared/platform.js';
import type { Random } from '../../src/testing/random.js';
import { type FaultRates, fateOf, NO_FAULTS } from './fate.js';
import type { Ledger } from './ledger.js';
import { SimProcess } from './sim-process.js';
import type { World } from './world.js';

export class SimSpawner implements Spawner {
  readonly processes: SimProcess[] = [];
  isClosed = false;
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #rates: FaultRates;

  readonly #poisonedAt: number;

  readonly #bootStallChance: number;

  constructor(world: World, ledger: Ledger, random: Random, rates: FaultRates, poisonedAt: number, bootStallChance = 0) {
    this.#world = world;
    this.#ledger = ledger;
    this.#random = random;
    this.#rates = rates;
    this.#poisonedAt = poisonedAt;
    this.#bootStallChance = bootStallChance;
  }

  spawn(workerId: number, listener: ProcessListener): WorkerProcess {
    if (this.isClosed) this.#world.fault(`G9: worker ${workerId} was spawned after the pool had closed`);
    const random = this.#random.fork(workerId);
    const { isCalm } = this.#ledger;
    const isPoisoned = !isCalm && this.#world.now() >= this.#poisonedAt;
    const fate = fateOf(random, isCalm ? NO_FAULTS : isPoisoned ? { ...this.#rates, bootFails: 1 } : this.#rates);
    this.#world.log('spawn', workerId);
    const process = new SimProcess(workerId, this.#world, this.#ledger, random, fate, listener);
    this.processes.push(process);
    if (random.chance(this.#bootStallChance)) {
      this.#world.at(this.#world.now() + random.skewed(60), () => this.#world.stall(random.skewed(3000)));
    }
    return process;
  }

  find(workerId: number): SimProcess {
    return this.processes[workerId - 1] as SimProcess;
  }

  close(): void {
    this.isClosed = true;
  }
}
