/**
 * What the leases of a worker decide while it runs on: between two reads of the parent it may take
 * any number of steps.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameType, type Message } from '../../../../src/ipc/frame.js';
import type { LeaseListener } from '../../../../src/pool/dispatch/lease-table.js';
import { WorkerLeases } from '../../../../src/pool/dispatch/worker-leases.js';
import type { Lease, TaskRecord } from '../../../../src/pool/task/task-record.js';
import type { AbortKind, ControlFile } from '../../../../src/shared/platform.js';
import { Story } from '../../../../src/shared/transitions.js';
import type { Death } from '../../../../src/shared/types.js';
import type { Worker } from '../../../../src/supervisor/lifecycle/worker.js';

/**
 * A worker with one place, whose tasks never end: it starts the first one that is not revoked, and
 * drops those before it.
 */
class RunningOn implements ControlFile {
  running: number | undefined;
  #started = 0;
  readonly #revoked = new Set<number>();
  readonly #steps: number[];
  readonly #sent: number;

  constructor(count: number, steps: readonly number[]) {
    this.#sent = count;
    this.#steps = [...steps];
  }

  #race(): void {
    for (let left = this.#steps.shift() ?? 0; left > 0 && this.running === undefined && this.#started < this.#sent; left -= 1) {
      this.#started += 1;
      if (!this.#revoked.has(this.#started)) this.running = this.#started;
    }
  }
  started(): number {
    this.#race();
    return this.#started;
  }
  revoke(first: number, last: number): void {
    this.#race();
    for (let seq = first; seq <= last; seq += 1) this.#revoked.add(seq);
  }
  /** It takes all the steps that it can still take. */
  goOn(): void {
    this.#steps.splice(0, this.#steps.length, this.#sent);
    this.#race();
  }
  abort(_seq: number, _kind: AbortKind): void {
    // none is asked for
  }
  expectItems(): void {
    // no chunks
  }
  startedItems(): number {
    return 0;
  }
}

function leasesWith(count: number, controlFile: ControlFile): { leases: WorkerLeases; sent: Lease[] } {
  const worker = { controlFile, add: () => undefined, unsentBytes: 0 } as unknown as Worker;
  const listener = {
    concurrency: 1,
    story: new Story('test'),
    now: () => 0,
    onPresumedStart: () => undefined,
    onStarted: () => undefined,
    onWithdrawn: () => undefined,
    onOrphaned: () => undefined,
    onCapacity: () => undefined,
  } as unknown as LeaseListener<WorkerLeases>;
  const leases = new WorkerLeases(worker, listener);
  const sent: Lease[] = [];
  for (let index = 0; index < count; index += 1) {
    const record = { name: { id: 1 }, flags: 0, codec: 0, id: index, starts: 0, options: {} } as unknown as TaskRecord;
    leases.send(record, 0, 0, false);
    sent.push(record.lease as Lease);
  }
  return { leases, sent };
}

const count = fc.integer({ min: 1, max: 6 });
const steps = fc.array(fc.nat(3), { maxLength: 8 });

test('G5: a worker that may be killed as hung runs nothing, and starts nothing any more', () => {
  fc.assert(
    fc.property(count, steps, (count, racing) => {
      const controlFile = new RunningOn(count, racing);
      const { leases } = leasesWith(count, controlFile);
      const mayKill = leases.mayKillAsHung();
      controlFile.goOn();
      if (mayKill) expect(controlFile.running).toBeUndefined();
      expect(leases.load === 0).toBe(mayKill);
    }),
  );
});

test('G5: a worker that may be killed for an attempt runs no other, and starts no other any more', () => {
  fc.assert(
    fc.property(count, fc.nat(5), steps, (count, at, racing) => {
      const controlFile = new RunningOn(count, racing);
      const { leases, sent } = leasesWith(count, controlFile);
      const target = sent[at % count] as Lease;
      if (leases.withdraw(target) || !leases.mayKillFor(target)) return;
      controlFile.goOn();
      expect([undefined, target.seq]).toContain(controlFile.running);
    }),
  );
});

test('G6: an attempt that was withdrawn never starts', () => {
  fc.assert(
    fc.property(count, fc.nat(5), steps, (count, at, racing) => {
      const controlFile = new RunningOn(count, racing);
      const { leases, sent } = leasesWith(count, controlFile);
      const target = sent[at % count] as Lease;
      if (!leases.withdraw(target)) return;
      controlFile.goOn();
      expect(controlFile.running).not.toBe(target.seq);
    }),
  );
});

test('G2, G3: an attempt recorded just after its revocation counts as started at the death, unless its drop was read', () => {
  for (const isDropRead of [true, false]) {
    const { leases, sent } = leasesWith(1, new RunningOn(1, [0, 1]));
    const target = sent[0] as Lease;
    expect(leases.withdraw(target)).toBe(false);
    if (isDropRead) leases.onMessage({ type: FrameType.Dropped, seq: target.seq } as Message);
    leases.onDied({} as Death);
    expect(target.hasStarted).toBe(!isDropRead);
  }
});
