/** What a lane decides while its worker runs on: between any two looks of the parent the worker may take any number of steps. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LaneUser } from '../../../../src/pool/dispatch/lane-user.js';
import { Lane } from '../../../../src/pool/dispatch/worker-leases.js';
import type { Lease, TaskRecord } from '../../../../src/pool/task/task-record.js';
import type { AbortKind, Note } from '../../../../src/shared/platform.js';
import type { Worker } from '../../../../src/supervisor/lifecycle/worker.js';

/** A worker with one place, whose tasks never end: it starts the first one that is not revoked, and drops those before it. */
class RunningOn implements Note {
  running: number | undefined;
  #started = 0;
  readonly #revoked = new Set<number>();
  readonly #steps: number[];
  readonly #sent: number;

  constructor(sent: number, steps: readonly number[]) {
    this.#sent = sent;
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

function laneWith(sent: number, note: Note): { lane: Lane; leases: Lease[] } {
  const worker = { note, add: () => undefined, unsentBytes: 0 } as unknown as Worker;
  const user = {
    concurrency: 1,
    now: () => 0,
    onPresumedStart: () => undefined,
    onStarted: () => undefined,
    onWithdrawn: () => undefined,
    onRoom: () => undefined,
  } as unknown as LaneUser<Lane>;
  const lane = new Lane(worker, user);
  const leases: Lease[] = [];
  for (let index = 0; index < sent; index += 1) {
    const record = { name: { id: 1 }, flags: 0, codec: 0, id: index, starts: 0, options: {} } as unknown as TaskRecord;
    lane.send(record, 0, 0, false);
    leases.push(record.lease as Lease);
  }
  return { lane, leases };
}

const sent = fc.integer({ min: 1, max: 6 });
const steps = fc.array(fc.nat(3), { maxLength: 8 });

test('G5: a worker that may be killed as hung runs nothing, and starts nothing any more', () => {
  fc.assert(
    fc.property(sent, steps, (count, racing) => {
      const note = new RunningOn(count, racing);
      const { lane } = laneWith(count, note);
      const mayKill = lane.mayKillAsHung();
      note.goOn();
      if (mayKill) expect(note.running).toBeUndefined();
      expect(lane.load === 0).toBe(mayKill);
    }),
  );
});

test('G5: a worker that may be killed for an attempt runs no other, and starts no other any more', () => {
  fc.assert(
    fc.property(sent, fc.nat(5), steps, (count, at, racing) => {
      const note = new RunningOn(count, racing);
      const { lane, leases } = laneWith(count, note);
      const target = leases[at % count] as Lease;
      if (lane.withdraw(target) || !lane.mayKillFor(target)) return;
      note.goOn();
      expect([undefined, target.seq]).toContain(note.running);
    }),
  );
});

test('G6: an attempt that was withdrawn never starts', () => {
  fc.assert(
    fc.property(sent, fc.nat(5), steps, (count, at, racing) => {
      const note = new RunningOn(count, racing);
      const { lane, leases } = laneWith(count, note);
      const target = leases[at % count] as Lease;
      if (!lane.withdraw(target)) return;
      note.goOn();
      expect(note.running).not.toBe(target.seq);
    }),
  );
});
