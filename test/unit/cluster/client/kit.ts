/** A client over a simulated store, in virtual time; the test itself is the host. */

import { platformOf } from '../../../../src/cluster/client/node-platform.js';
import { Cluster } from '../../../../src/cluster/cluster.js';
import type { ClusterOptions } from '../../../../src/cluster/types.js';
import { cut, type OutcomeKind, writeOutcome, writeReason } from '../../../../src/cluster/wire/outcome.js';
import { Seals } from '../../../../src/cluster/wire/seal.js';
import { fromText, toText } from '../../../../src/cluster/wire/text.js';
import { decode, encode } from '../../../../src/ipc/codec/codec.js';
import { Random } from '../../../../src/testing/random.js';
import { NO_FAULTS, SimClientStore } from '../../../simulation/cluster/sim-client-store.js';
import { type Job, Refused, SimQueue } from '../../../simulation/cluster/sim-queue.js';
import { VirtualClock } from '../../../simulation/cluster/virtual-clock.js';

// biome-ignore lint/suspicious/noExplicitAny: these tasks have no module
export type AnyCluster = Cluster<any>;

export class TestWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly queue: SimQueue = new SimQueue(this.clock);
  readonly seals: Seals = new Seals(['secret']);
  /** What was sent to hosts. */
  readonly ends: string[] = [];
  #count = 0;

  constructor() {
    this.queue.hosts.add({ name: 'test', slots: 2, onEnd: (message) => this.ends.push(message), onWork: () => undefined });
  }

  client(options: Partial<ClusterOptions> = {}): { cluster: AnyCluster; store: SimClientStore } {
    this.#count += 1;
    const made: SimClientStore[] = [];
    const { make } = platformOf;
    platformOf.make = () => ({
      clock: this.clock,
      clientId: `c${this.#count}`,
      isRefusal: (error) => error instanceof Refused,
      connect: (listener) => {
        const store = new SimClientStore(this.queue, this.clock, new Random(1), listener, { ...NO_FAULTS, latencyMs: 0 });
        made.push(store);
        return store;
      },
    });
    try {
      const cluster = new Cluster({ connection: { redis: 'redis://simulated' }, secret: 'secret', ...options });
      return { cluster, store: made[0] as SimClientStore };
    } finally {
      platformOf.make = make;
    }
  }

  run(ms: number): Promise<boolean> {
    return this.clock.run(this.clock.now() + ms);
  }

  /** Takes the next task, as a host does. */
  take(): Job {
    const job = this.queue.take('token', 1e9);
    if (job === undefined) throw new Error('there is no task in the store');
    return job;
  }

  argsOf(job: Job): unknown {
    const encoded = fromText(job.data.args);
    return encoded === undefined ? undefined : decode(encoded.codec, encoded.body ?? '', encoded.attachments);
  }

  outcome(id: string, kind: OutcomeKind, value: unknown, seals: Seals = this.seals): string {
    const record = { kind, text: toText(encode(value)), pieces: undefined, attempts: 1, ms: 5, host: 'test' };
    const outcome = writeOutcome(id, record, seals);
    return kind === 'value' ? outcome : writeReason('it failed', outcome);
  }

  finish(job: Job, kind: OutcomeKind, value: unknown): void {
    this.queue.report(job.id, 'token', kind === 'value' ? 'completed' : 'failed', this.outcome(job.id, kind, value));
  }

  /** With a result that lies in pieces. */
  finishInPieces(job: Job, value: unknown, rowsWritten = true): void {
    const { rows, pieces } = cut('key', toText(encode(value)));
    if (rowsWritten) job.rows.push(...rows);
    const outcome = writeOutcome(job.id, { kind: 'value', text: undefined, pieces, attempts: 1, ms: 5, host: 'test' }, this.seals);
    this.queue.report(job.id, 'token', 'completed', outcome);
  }
}

/** How a promise has settled by now. */
export function seen(promise: Promise<unknown>): { value?: unknown; error?: unknown; isSettled: boolean } {
  const result: { value?: unknown; error?: unknown; isSettled: boolean } = { isSettled: false };
  promise.then(
    (value) => Object.assign(result, { value, isSettled: true }),
    (error: unknown) => Object.assign(result, { error, isSettled: true }),
  );
  return result;
}
