/**
 * What the leases of a worker decide while it runs on: between two reads of the parent it may take
 * any number of steps.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RING } from '../../../../src/ipc/control-file-layout.js';
import { type FrameHeader, FrameType, type Message, type MessageOf, ProtocolError } from '../../../../src/ipc/frame.js';
import { keptOf, recallsOf, starvedMessage } from '../../../../src/ipc/messages.js';
import type { LeaseListener } from '../../../../src/pool/dispatch/lease-table.js';
import { OVERTAKEN_MS, WorkerLeases } from '../../../../src/pool/dispatch/worker-leases.js';
import type { Lease, TaskRecord } from '../../../../src/pool/task/task-record.js';
import type { ControlFile } from '../../../../src/shared/platform.js';
import { Story } from '../../../../src/shared/transitions.js';
import type { Death } from '../../../../src/shared/types.js';
import type { Worker } from '../../../../src/supervisor/lifecycle/worker.js';

/**
 * A worker with one place. In each step it claims the next offer or, if a task runs, ends it; its
 * replies are still in the pipe.
 */
class RunningOn implements ControlFile {
  running: number | undefined;
  readonly claimed: number[] = [];
  isLong = false;
  /** Makes the file a broken one, which answers with this. */
  broken: number | undefined;
  #offers: number[] = [];
  #pending: number[] = [];
  readonly #steps: number[];

  constructor(steps: readonly number[] = []) {
    this.#steps = [...steps];
  }

  /** It takes this many steps. */
  step(count: number): void {
    for (let left = count; left > 0; left -= 1) {
      if (this.running === undefined) {
        this.running = this.#offers.shift();
        if (this.running !== undefined) this.claimed.push(this.running);
      } else this.running = undefined;
    }
  }
  /** It takes every step that it can, up to a task that never ends. */
  goOn(): void {
    this.#steps.length = 0;
    if (this.running === undefined) this.step(1);
  }
  offer(seq: number): void {
    this.#pending.push(seq);
  }
  commit(): boolean {
    this.#offers.push(...this.#pending.splice(0));
    this.step(this.#steps.shift() ?? 0);
    return true;
  }
  unclaimed(): number {
    this.step(this.#steps.shift() ?? 0);
    return this.broken ?? this.#offers[0] ?? this.#pending[0] ?? Number.POSITIVE_INFINITY;
  }
  recall(): number {
    const first = this.unclaimed();
    this.#offers = [];
    this.#pending = [];
    this.isLong = false;
    return first;
  }
  abort(): void {
    // none is asked for
  }
  expectItems(): void {
    // no chunks
  }
  startedItems(): number {
    return 0;
  }
}

interface Setting {
  readonly leases: WorkerLeases;
  readonly sent: Lease[];
  /** What the worker was sent, oldest first. */
  readonly messages: FrameHeader[];
  /** Why the worker was failed. */
  readonly faults: unknown[];
  readonly clock: { now: number };
  send(count?: number): void;
}

function leasesWith(count: number, controlFile: ControlFile, concurrency = 1): Setting {
  const messages: FrameHeader[] = [];
  const faults: unknown[] = [];
  const clock = { now: 0 };
  const worker = {
    controlFile,
    unsentBytes: 0,
    heardAt: 0,
    channel: {},
    add: (header: FrameHeader) => messages.push({ ...header }),
    flush: () => controlFile.commit(),
    fail: (...fault: unknown[]) => faults.push(fault),
  } as unknown as Worker;
  const listener = {
    concurrency,
    story: new Story('test'),
    now: () => clock.now,
    onPresumedStart: () => undefined,
    onStarted: () => undefined,
    onReply: () => undefined,
    onWithdrawn: () => undefined,
    onOrphaned: () => undefined,
    onCapacity: () => undefined,
  } as unknown as LeaseListener<WorkerLeases>;
  const leases = new WorkerLeases(worker, listener);
  const sent: Lease[] = [];
  const send = (count = 1): void => {
    for (let index = 0; index < count; index += 1) {
      const record = { name: { id: 1 }, flags: 0, codec: 0, id: index, starts: 0, submittedAt: 0, options: {} } as unknown as TaskRecord;
      leases.send(record, 0, 0, false);
      sent.push(record.lease as Lease);
    }
    worker.flush();
  };
  send(count);
  return { leases, sent, messages, faults, clock, send };
}

const resultOf = (seq: number): Message => ({ type: FrameType.Result, seq, time: 0, a: 0 }) as unknown as Message;
/** The Recalled messages: up to which number, and which is the last that stays. */
const recallsIn = (messages: readonly FrameHeader[]): [number | undefined, number][] =>
  messages
    .filter(({ type }) => type === FrameType.Recalled)
    .map((header) => [header.seq, keptOf(header as unknown as MessageOf<typeof FrameType.Recalled>)]);

const count = fc.integer({ min: 1, max: 6 });
const steps = fc.array(fc.nat(3), { maxLength: 8 });

describe('while the worker runs on', () => {
  test('G5: a worker that may be killed as hung runs nothing, and starts nothing any more', () => {
    fc.assert(
      fc.property(count, steps, (count, racing) => {
        const controlFile = new RunningOn(racing);
        const { leases } = leasesWith(count, controlFile);
        const mayKill = leases.mayKillAsHung();
        controlFile.goOn();
        if (mayKill) expect(controlFile.claimed).toEqual([]);
        expect(leases.load === 0).toBe(mayKill);
      }),
    );
  });

  test('G5: a worker that may be killed for an attempt has started no later one, and starts no other any more', () => {
    fc.assert(
      fc.property(count, fc.nat(5), steps, (count, at, racing) => {
        const controlFile = new RunningOn(racing);
        const { leases, sent } = leasesWith(count, controlFile);
        const target = sent[at % count] as Lease;
        if (leases.withdraw(target) || !leases.mayKillFor(target)) return;
        controlFile.goOn();
        expect(controlFile.claimed.at(-1)).toBe(target.seq);
      }),
    );
  });

  test('G5: a worker that may not be killed for an attempt has started a later one', () => {
    fc.assert(
      fc.property(count, fc.nat(5), steps, (count, at, racing) => {
        const controlFile = new RunningOn(racing);
        const { leases, sent } = leasesWith(count, controlFile);
        const target = sent[at % count] as Lease;
        if (leases.withdraw(target) || leases.mayKillFor(target)) return;
        expect(controlFile.claimed.at(-1)).toBeGreaterThan(target.seq);
      }),
    );
  });

  test('G6: an attempt that was withdrawn never starts, and every other one still does', () => {
    fc.assert(
      fc.property(count, fc.array(fc.nat(5), { maxLength: 4 }), steps, (count, targets, racing) => {
        const controlFile = new RunningOn(racing);
        const { leases, sent } = leasesWith(count, controlFile);
        const withdrawn = new Set<number>();
        for (const at of targets) {
          const target = sent[at % count] as Lease;
          if (!withdrawn.has(target.seq) && leases.withdraw(target)) withdrawn.add(target.seq);
        }
        controlFile.step(2 * count + 1);
        expect(controlFile.claimed).toEqual(sent.map(({ seq }) => seq).filter((seq) => !withdrawn.has(seq)));
      }),
    );
  });

  test('G2, G3: at its death exactly the attempts that it had claimed count as started', () => {
    fc.assert(
      fc.property(count, fc.nat(12), fc.array(fc.nat(5), { maxLength: 3 }), steps, (count, before, targets, racing) => {
        const controlFile = new RunningOn(racing);
        const { leases, sent } = leasesWith(count, controlFile);
        for (const at of targets) {
          const target = sent[at % count] as Lease;
          if (target.holder !== undefined) leases.withdraw(target);
        }
        controlFile.step(before);
        leases.onDied({} as Death);
        const started = sent.filter(({ hasStarted }) => hasStarted).map(({ seq }) => seq);
        expect(started).toEqual(controlFile.claimed);
        expect(leases.load).toBe(0);
      }),
    );
  });
});

describe('a recall', () => {
  test('offers again what stays, in order and before anything new, and says so once', () => {
    const controlFile = new RunningOn();
    const { leases, sent, messages, send } = leasesWith(4, controlFile);
    controlFile.step(1);
    expect(leases.withdraw(sent[2] as Lease)).toBe(true);
    send();
    expect(recallsIn(messages)).toEqual([[4, 4]]);
    controlFile.step(8);
    expect(controlFile.claimed).toEqual([1, 2, 4, 5]);
  });

  test('says that everything after the running one is withdrawn, so that the worker forgets no stolen offer', () => {
    const controlFile = new RunningOn();
    const { leases, messages } = leasesWith(3, controlFile);
    controlFile.step(1); // claims 1
    controlFile.step(2); // ends it, and somebody takes 2: for the control file it is claimed
    expect(leases.withdrawAfter(0)).toBe(false);
    expect(recallsIn(messages)).toEqual([[3, 2]]);
  });

  test('says nothing if there was nothing to take back', () => {
    const controlFile = new RunningOn();
    const { leases, messages, sent } = leasesWith(2, controlFile);
    controlFile.step(3);
    expect(leases.withdraw(sent[1] as Lease)).toBe(false);
    expect(leases.withdrawAfter(0)).toBe(false);
    expect(recallsIn(messages)).toEqual([]);
  });

  test('has nothing left to keep if everything is withdrawn', () => {
    const { leases, messages } = leasesWith(3, new RunningOn());
    expect(leases.withdrawAfter(0)).toBe(true);
    expect(recallsIn(messages)).toEqual([[3, 0]]);
    expect(leases.load).toBe(0);
  });

  test('takes back what was offered and not yet committed too', () => {
    const controlFile = new RunningOn();
    const { leases, sent } = leasesWith(0, controlFile);
    const record = { name: { id: 1 }, flags: 0, codec: 0, id: 1, starts: 0, options: {} } as unknown as TaskRecord;
    leases.send(record, 0, 0, false);
    expect(leases.withdraw(record.lease as Lease)).toBe(true);
    controlFile.commit();
    controlFile.goOn();
    expect([controlFile.claimed, sent]).toEqual([[], []]);
  });

  test('is made once the file is long, withdraws nothing, and keeps the order', () => {
    const controlFile = new RunningOn();
    const { messages, send } = leasesWith(3, controlFile);
    controlFile.step(1);
    controlFile.isLong = true;
    send(2);
    expect(recallsIn(messages)).toEqual([[3, 3]]);
    expect(controlFile.isLong).toBe(false);
    controlFile.step(8);
    expect(controlFile.claimed).toEqual([1, 2, 3, 4, 5]);
  });

  test('may come at any time, with a ring that is full of attempts', () => {
    const controlFile = new RunningOn();
    const { leases, sent } = leasesWith(RING, controlFile);
    expect(leases.rank).toBe(-1);
    controlFile.step(1);
    leases.withdrawAhead();
    expect(leases.load).toBe(1);
    expect(sent.filter(({ holder }) => holder !== undefined).map(({ seq }) => seq)).toEqual([1]);
  });
});

describe('a worker whose offers somebody else has read', () => {
  const starved = (recalls: number): Message => ({ ...starvedMessage(recalls), seq: 0 }) as unknown as Message;

  test('is found out when it starves, unless a Recalled is on its way', () => {
    expect(recallsOf(starved(3))).toBe(3);
    const controlFile = new RunningOn();
    const { leases, sent } = leasesWith(3, controlFile);
    expect(() => leases.onMessage(starved(0))).toThrow('read by somebody else');
    controlFile.step(1);
    expect(leases.withdraw(sent[1] as Lease)).toBe(true);
    expect(() => leases.onMessage(starved(0))).not.toThrow(); // it has not read of the recall
    expect(() => leases.onMessage(starved(1))).toThrow('read by somebody else');
    expect(() => leases.onMessage(starved(2))).toThrow('read by somebody else');
  });

  test('is found out when it drops an attempt that nobody has withdrawn', () => {
    const { leases, sent } = leasesWith(3, new RunningOn());
    expect(leases.withdraw(sent[1] as Lease)).toBe(true);
    const dropped = (seq: number): Message => ({ type: FrameType.Dropped, seq }) as unknown as Message;
    expect(() => leases.onMessage(dropped(2))).not.toThrow();
    for (const seq of [1, 3, 4]) expect(() => leases.onMessage(dropped(seq))).toThrow(ProtocolError);
  });

  test('is found out when it goes on without an answer, though it seems to have started the next one', () => {
    const controlFile = new RunningOn();
    const { leases, sent, faults, clock } = leasesWith(2, controlFile);
    controlFile.step(3); // the second one counts as claimed
    const target = sent[0] as Lease;
    expect(leases.mayKillFor(target)).toBe(false);
    clock.now = OVERTAKEN_MS - 1;
    expect([leases.mayKillFor(target), faults]).toEqual([false, []]);
    clock.now = OVERTAKEN_MS;
    expect(leases.mayKillFor(target)).toBe(false);
    expect(faults).toMatchObject([['protocol', expect.any(String)]]);
  });

  test('with more than one place may be killed although a later attempt has started: both run', () => {
    const controlFile = new RunningOn();
    const { leases, sent } = leasesWith(2, controlFile, 2);
    controlFile.step(3);
    expect(leases.mayKillFor(sent[0] as Lease)).toBe(true);
  });
});

describe('a broken control file', () => {
  test.each([Number.NaN, 2, 0, -1, 1.5])('(the next offer is %s) fails the worker, and starts nothing twice', (broken) => {
    const controlFile = new RunningOn();
    const { leases, sent, faults } = leasesWith(4, controlFile);
    controlFile.step(3);
    leases.onMessage(resultOf(1));
    expect(leases.countStarted()).toBe(1); // 2
    controlFile.broken = broken;
    expect(leases.withdraw(sent[3] as Lease)).toBe(false);
    expect(faults).toMatchObject([['protocol', expect.stringContaining('control file')]]);
    leases.onDied({} as Death);
    expect(sent.map(({ hasStarted }) => hasStarted)).toEqual([true, true, false, false]);
  });
});
