/** One seed: a cluster in virtual time, under every fault that the seed draws, and then the checks. */

import { platformOf } from '../../../src/cluster/client/node-platform.js';
import { Cluster } from '../../../src/cluster/cluster.js';
import type { ClusterOptions } from '../../../src/cluster/types.js';
import { Seals } from '../../../src/cluster/wire/seal.js';
import { Random } from '../../../src/testing/random.js';
import { check } from './checks.js';
import { type Faults, NO_FAULTS, SimClientStore } from './sim-client-store.js';
import { SimHost } from './sim-host.js';
import { Refused, SimQueue } from './sim-queue.js';
import { type BatchSeen, User, watch } from './user.js';
import { VirtualClock } from './virtual-clock.js';

export interface ClusterVerdict {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly tasks: number;
  readonly starts: number;
  readonly deaths: number;
  readonly virtualMs: number;
}

/** While things go wrong; afterwards everything has to come to an end. */
const TROUBLE_MS = 8000;
const CALM_MS = 300_000;

// biome-ignore lint/suspicious/noExplicitAny: the tasks of the simulation have no module
type AnyCluster = Cluster<any>;

/** The world of one seed. */
export class World {
  readonly clock = new VirtualClock();
  readonly queue: SimQueue = new SimQueue(this.clock);
  readonly random: Random;
  readonly secret: string | undefined;
  readonly hosts: SimHost[] = [];
  readonly stores: SimClientStore[] = [];
  deaths = 0;
  /** A way to the store was cut, and events were lost on it. */
  wasAway = false;
  #hostCount = 0;
  readonly #lockMs: number;
  readonly #loseEnd: number;
  readonly #runMs: number;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.secret = this.random.chance(0.5) ? 'a secret' : undefined;
    this.#lockMs = this.random.pick([1500, 3000, 6000]);
    this.#loseEnd = this.random.pick([0, 0.1, 0.6]);
    this.#runMs = this.random.pick([10, 200, 2000]);
  }

  get seals(): Seals {
    return new Seals(this.secret === undefined ? [] : [this.secret]);
  }

  addHost(): void {
    this.#hostCount += 1;
    const faults = { lockMs: this.#lockMs, latencyMs: 10, loseEnd: this.#loseEnd, runMs: this.#runMs };
    const random = this.random.fork(this.#hostCount);
    this.hosts.push(new SimHost(`host-${this.#hostCount}`, random.integer(1, 6), this.queue, this.clock, random, this.seals, faults));
  }

  client(faults: Faults, options: Partial<ClusterOptions> = {}): { cluster: AnyCluster; store: SimClientStore } {
    const number = this.stores.length + 1;
    platformOf.make = () => ({
      clock: this.clock,
      clientId: `c${number}`,
      isRefusal: (error) => error instanceof Refused,
      connect: (listener) => {
        const store = new SimClientStore(this.queue, this.clock, this.random.fork(1000 + number), listener, faults);
        this.stores.push(store);
        return store;
      },
    });
    const cluster = new Cluster({ connection: { redis: 'redis://simulated' }, secret: this.secret, sweepMs: 500, ...options });
    return { cluster, store: this.stores.at(-1) as SimClientStore };
  }

  checkStalledLater(): void {
    this.clock.setTimer(() => {
      this.queue.checkStalled();
      this.checkStalledLater();
    }, this.#lockMs / 3);
  }

  /** Something goes wrong, or somebody interferes. */
  trouble(): void {
    const { random } = this;
    const host = this.hosts.length > 0 ? random.pick(this.hosts) : undefined;
    const store = random.pick(this.stores);
    const kind = random.integer(0, 6);
    if (kind === 0 && host !== undefined) {
      host.die();
      this.deaths += 1;
      this.hosts.splice(this.hosts.indexOf(host), 1);
      this.clock.setTimer(() => this.addHost(), random.between(0, 3000));
    } else if (kind === 1 && host !== undefined) {
      host.freeze();
      this.clock.setTimer(() => host.wake(), random.between(0, 3 * this.#lockMs));
    } else if (kind === 2) {
      store.isAway = true;
      this.wasAway = true;
      store.isSilent = random.chance(0.5);
      this.clock.setTimer(() => store.recover(), random.between(100, 4000));
    } else if (kind === 3) this.#removeOne();
    else this.#forge(store);
  }

  /** An operator removes a task that has not ended. */
  #removeOne(): void {
    const jobs = [...this.queue.jobs.values()].filter(({ id, state }) => id.startsWith('t-') && state !== 'active');
    if (jobs.length > 0 && this.random.chance(0.3)) this.queue.removeByOperator(this.random.pick(jobs).id);
  }

  #forge(store: SimClientStore): void {
    const { random } = this;
    const ids = [...this.queue.jobs.keys()];
    if (ids.length === 0) return;
    const id = random.pick(ids);
    const garbage = random.pick<unknown>(['', '{', 'null', '[]', 7, undefined, { k: 'value' }, '["x","cancel","",""]']);
    const forged = JSON.stringify({ k: 'value', t: 'j"forged"', n: 1, m: 1, h: 'nobody', s: 'AAAA' });
    const text = this.secret === undefined ? garbage : forged;
    const event = random.pick([
      { kind: 'completed', id, outcome: text },
      { kind: 'failed', id, reason: text },
      { kind: 'removed', id },
      { kind: 'taken', id },
      { kind: 'waiting', id },
      { kind: 'progress', id, message: text },
      { kind: 'ended', message: this.secret === undefined ? garbage : JSON.stringify([id, 'kill', '', 'AAAA']) },
    ] as const);
    store.deliver(event, 0);
  }
}

/** The ways to the store are sound again. */
function calm(world: World): void {
  for (const store of world.stores) {
    store.faults = { ...NO_FAULTS, loseEvent: store.faults.loseEvent };
    if (store.isAway) store.recover();
  }
  for (const host of world.hosts) {
    host.faults.loseEnd = 0;
    host.wake();
  }
  if (world.hosts.length === 0) world.addHost();
}

function drawFaults(random: Random): Faults {
  const level = random.pick([0, 0, 0.05, 0.3]);
  return {
    latencyMs: random.pick([2, 50, 800]),
    loseCall: level,
    loseAnswer: level,
    loseEvent: random.pick([0, 0, 0.2, 1]),
    doubleEvent: random.pick([0, 0.3]),
    lateEvent: random.pick([0, 0.5]),
    lateMs: random.pick([300, 300, 5000]),
  };
}

export async function runClusterSeed(seed: number): Promise<ClusterVerdict> {
  const make = platformOf.make;
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): number => warnings.push(message);
  process.on('warning', onWarning);
  try {
    const verdict = await run(seed, new World(seed));
    return { ...verdict, faults: [...verdict.faults, ...warnings.map((text) => `C1: a warning: ${text.slice(0, 300)}`)] };
  } finally {
    process.off('warning', onWarning);
    platformOf.make = make;
  }
}

async function run(seed: number, world: World): Promise<ClusterVerdict> {
  const { clock, random, queue } = world;
  const faults = drawFaults(random);
  for (let count = random.integer(1, 4); count > 0; count -= 1) world.addHost();
  world.checkStalledLater();
  const { cluster, store } = world.client(faults);
  const other = world.client(faults);
  const user = new User(cluster, queue, clock, random.fork(1));
  const badNumber = random.chance(0.2) ? random.integer(1, 40) : 0;
  if (badNumber > 0) queue.isRefused = ({ id }) => id === `t-c1-${badNumber}`;

  const soon = (act: () => void): void => {
    clock.setTimer(act, random.between(0, TROUBLE_MS));
  };
  // Bursts, single tasks, and a backlog.
  const bursts = random.integer(0, 6);
  for (let burst = 0; burst < bursts; burst += 1) {
    const size = random.pick([1, 3, 20, 60, 150]);
    soon(() => {
      for (let each = 0; each < size; each += 1) user.submit();
    });
  }
  if (random.chance(0.2)) soon(() => user.starve());
  const endings = random.integer(0, 40);
  for (let each = 0; each < endings; each += 1) soon(() => user.endOne(random.chance(0.5) ? other.cluster : undefined));
  const troubles = random.chance(0.3) ? 0 : random.integer(1, 12);
  for (let each = 0; each < troubles; each += 1) soon(() => world.trouble());

  // A map that is iterated, and a named one whose client may die.
  const bufferSize = random.integer(1, 30);
  const isIterating = random.chance(0.3);
  const iterated = { isOver: !isIterating, error: undefined as unknown };
  if (isIterating) {
    user.iterate(random.integer(0, 200), bufferSize).then(
      () => {
        iterated.isOver = true;
      },
      (error: unknown) => {
        iterated.isOver = true;
        iterated.error = error;
      },
    );
  }
  const batches: BatchSeen[] = [];
  const storedAtDeath = { count: 0 };
  const isNamed = random.chance(0.4);
  const again = random.pick(['same call', 'attach', 'nothing'] as const);
  if (isNamed) {
    const count = random.integer(0, 80);
    const items = Array.from({ length: count }, (_, number) => ({ number }));
    const first = world.client(faults);
    const batch = first.cluster.map('value', random.chance(0.5) ? items : items.values(), {
      id: 'nightly',
      bufferSize: random.pick([5, 1000]),
      retries: 3,
      onError: 'continue',
    });
    const seen = watch(batch, count);
    if (again === 'nothing') batches.push(seen);
    else {
      soon(() => {
        first.store.die();
        // What it had submitted is there, from its first item on.
        while (queue.ledger.stored.has(`b-nightly-${storedAtDeath.count}`)) storedAtDeath.count += 1;
        const second = world.client(faults);
        if (again === 'same call') {
          batches.push(watch(second.cluster.map('value', items, { id: 'nightly', retries: 3, onError: 'continue' }), count));
        } else if (queue.batches.has('nightly')) batches.push(watch(second.cluster.attach('nightly'), -1));
      });
    }
  }

  await clock.run(TROUBLE_MS);
  calm(world);
  const isOver = (): boolean =>
    user.pending === 0 && iterated.isOver && batches.every(({ outcome, error }) => outcome !== undefined || error !== undefined);
  const closed = { isClosed: false };
  const close = (): void => {
    void cluster.close().then(() => {
      closed.isClosed = true;
    });
  };
  if (!isIterating && random.chance(0.3)) close();
  const hasEnded = await clock.run(TROUBLE_MS + CALM_MS, isOver);
  close();
  if (hasEnded) await clock.run(clock.now() + 60_000, () => closed.isClosed);
  const isClosed = closed.isClosed;
  await clock.run(clock.now() + 70_000); // what must never start has the time to
  const found = check({
    world,
    user,
    batches,
    storedAtDeath: storedAtDeath.count,
    iterated,
    bufferSize,
    hasEnded,
    isClosed,
    faults,
    store,
  });
  return {
    seed,
    faults: found,
    tasks: queue.ledger.stored.size,
    starts: [...queue.ledger.starts.values()].reduce((sum, { length }) => sum + length, 0),
    deaths: world.deaths,
    virtualMs: clock.now(),
  };
}
