/** The program of a run: what it submits, cancels, and observes of each task. */
import type { Cluster } from '../../../src/cluster/cluster.js';
import type { ClusterBatch, ClusterTask } from '../../../src/cluster/types.js';
import type { Random } from '../../../src/testing/random.js';
import type { SimQueue } from './sim-queue.js';
import type { VirtualClock } from './virtual-clock.js';

/** How a task ended, as its promise said. */
export interface Observed {
  readonly id: string;
  readonly name: string;
  readonly item: unknown;
  /** The most starts that its retries allow. */
  readonly mostStarts: number;
  value?: unknown;
  error?: unknown;
  settledAt?: number;
  /** The call that added it was answered before it settled. */
  wasAnswered: boolean;
  /** The program, or another client, has ended it. */
  endedBy: 'nobody' | 'owner' | 'other';
  readonly progress: number[];
}

export interface BatchSeen {
  readonly id: string;
  readonly count: number;
  outcome?: unknown;
  error?: unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: the tasks of the simulation have no module
type AnyCluster = Cluster<any>;

const NAMES = ['value', 'value', 'value', 'value', 'throws', 'crashes', 'flaky', 'large', 'progress'] as const;

export class User {
  readonly observed: Observed[] = [];
  readonly tasks: ClusterTask<unknown>[] = [];
  readonly faults: string[] = [];
  readonly #cluster: AnyCluster;
  readonly #queue: SimQueue;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  #item = 0;
  /** How many have not settled. */
  pending = 0;

  constructor(cluster: AnyCluster, queue: SimQueue, clock: VirtualClock, random: Random) {
    this.#cluster = cluster;
    this.#queue = queue;
    this.#clock = clock;
    this.#random = random;
    cluster.on('taskSettled', ({ id }) => {
      const { settled } = queue.ledger;
      settled.set(id, (settled.get(id) ?? 0) + 1);
    });
  }

  /** Tasks that start last, and others that overtake them. */
  starve(): void {
    for (let each = 0; each < 130; each += 1) this.submit(-1000, 'value');
    for (let each = 0; each < 150; each += 1) this.submit(0, 'value');
  }

  /** A `long` task ends only when it is killed. */
  submit(priority: number = this.#random.integer(-2, 2), given?: string): void {
    const random = this.#random;
    const name = given ?? (random.chance(0.02) ? 'long' : random.pick(NAMES));
    this.#item += 1;
    const item = { number: this.#item };
    const retries = random.chance(0.5) ? { crash: 0, error: 0 } : { crash: random.integer(0, 3), error: random.integer(0, 2) };
    const queueTimeoutMs = random.chance(0.1) ? random.integer(1, 3000) : undefined;
    const progress: number[] = [];
    const task = this.#cluster.run(name, [item], {
      priority,
      retries: { ...retries, delayMs: random.chance(0.5) ? 0 : (attempt: number) => attempt * 50 },
      queueTimeoutMs,
      ...(name === 'progress' ? { onProgress: (value: unknown) => progress.push(value as number) } : {}),
    });
    const seen: Observed = {
      id: task.id,
      name,
      item,
      mostStarts: 1 + retries.crash + retries.error,
      wasAnswered: false,
      endedBy: 'nobody',
      progress,
    };
    this.observed.push(seen);
    this.pending += 1;
    this.tasks.push(task);
    if (name === 'long') this.#clock.setTimer(() => this.#endOwn(this.tasks.indexOf(task)), random.between(0, 8000));
    const end = (): void => {
      if (seen.settledAt !== undefined) this.faults.push(`C1: ${seen.id} settled twice`);
      else this.pending -= 1;
      seen.settledAt = this.#clock.now();
      seen.wasAnswered = this.#queue.ledger.answered.has(seen.id);
    };
    task.then(
      (value) => {
        seen.value = value;
        end();
      },
      (error: unknown) => {
        seen.error = error;
        end();
      },
    );
  }

  /** Ends one task, as its owner or from another client. */
  endOne(other: AnyCluster | undefined): void {
    if (this.observed.length === 0) return;
    const index = this.#random.integer(0, this.observed.length - 1);
    const seen = this.observed[index] as Observed;
    if (seen.settledAt !== undefined) return;
    if (other === undefined) {
      this.#endOwn(index);
      return;
    }
    if (seen.endedBy === 'nobody') seen.endedBy = 'other';
    other.end(seen.id, { reason: `other ${index}` }).catch(() => undefined); // that client has closed
  }

  #endOwn(index: number): void {
    const seen = this.observed[index] as Observed;
    const task = this.tasks[index] as ClusterTask<unknown>;
    if (seen.settledAt === undefined) seen.endedBy = 'owner';
    const how = this.#random.chance(0.5) ? 'cancel' : 'kill';
    task[how](`reason ${index}`).then(
      () => {
        const hasEnded = task.state === 'cancelled' || task.state === 'succeeded' || task.state === 'failed';
        if (!hasEnded) this.faults.push(`C7: ${how} of ${seen.id} has resolved, and it is ${task.state}`);
      },
      () => this.faults.push(`C7: ${how} of ${seen.id} rejects`),
    );
  }

  /** A map that is read item by item, slowly. */
  async iterate(count: number, bufferSize: number): Promise<void> {
    let index = 0;
    const items = (function* () {
      for (let each = 0; each < count; each += 1) yield { number: each };
    })();
    for await (const value of this.#cluster.map('value', items, { bufferSize, retries: 3 })) {
      const { item } = value as { item: { number: number } };
      if (item.number !== index) this.faults.push(`C15: item ${index} of the map is ${item.number}`);
      index += 1;
      if (this.#random.chance(0.2)) await this.#clock.sleep(this.#random.skewed(50));
    }
    if (index !== count) this.faults.push(`C1: ${index} of ${count} items came`);
  }
}

export function watch(batch: ClusterBatch<unknown>, count: number): BatchSeen {
  const seen: BatchSeen = { id: batch.id, count };
  batch.settled().then(
    (outcome) => {
      seen.outcome = outcome;
    },
    (error: unknown) => {
      seen.error = error;
    },
  );
  return seen;
}
