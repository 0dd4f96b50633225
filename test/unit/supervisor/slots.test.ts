import { describe, expect, test } from 'vitest';
import { Story } from '../../../src/shared/transitions.js';
import type { Worker } from '../../../src/supervisor/lifecycle/worker.js';
import type { Slot } from '../../../src/supervisor/slot.js';
import { Slots } from '../../../src/supervisor/slots.js';
import { FakeClock } from '../../kit/fake-clock.js';

const workerOf = (state: string, load = 0): Worker => ({ state, client: { load } }) as unknown as Worker;

/** Slots with a worker in each state given; `undefined`: a vacant slot. */
function slotsWith(...states: (string | undefined)[]): { clock: FakeClock; slots: Slots; at: (index: number) => Slot } {
  const clock = new FakeClock();
  const slots = new Slots(clock, new Story('test'));
  for (const state of states) {
    slots.addRegular();
    if (state !== undefined) slots.occupy(slots.regular.at(-1) as Slot, workerOf(state));
  }
  return { clock, slots, at: (index) => slots.regular[index] as Slot };
}

describe('the slots of a pool', () => {
  test('are numbered from 0, and a new one takes the first number that is free', () => {
    const { slots, at } = slotsWith(undefined, undefined, undefined);
    expect(slots.regular.map(({ index }) => index)).toEqual([0, 1, 2]);
    slots.retire(at(1));
    slots.addRegular();
    slots.addRegular();
    expect(slots.regular.map(({ index }) => index)).toEqual([0, 2, 1, 3]);
  });

  test('are found by their worker, until it is taken out', () => {
    const { slots, at } = slotsWith('ready', 'ready');
    const worker = at(1).worker as Worker;
    expect(slots.of(worker)).toBe(at(1));
    expect(slots.empty(at(1))).toBe(worker);
    expect([slots.of(worker), at(1).worker, at(1).state]).toEqual([undefined, undefined, 'vacant']);
  });

  test('hold one worker each', () => {
    const { slots, at } = slotsWith('ready');
    const before = at(0).worker as Worker;
    expect(() => slots.occupy(at(0), workerOf('ready'))).toThrow('slot 0 is occupied');
    slots.empty(at(0));
    const next = workerOf('ready');
    slots.occupy(at(0), next);
    expect([slots.of(before), slots.of(next)]).toEqual([undefined, at(0)]);
  });

  test('count towards the size with a worker, and towards those that are coming until it is ready', () => {
    const { slots } = slotsWith('ready', 'starting', undefined);
    expect([slots.size, slots.coming]).toEqual([2, 2]);
    slots.addSpare();
    expect([slots.size, slots.coming, slots.all().length]).toEqual([2, 2, 4]);
  });
});

describe('a pool that shrinks', () => {
  test('gives up empty slots first, then booting, idle and busy workers, and of one kind the last', () => {
    const { slots, at } = slotsWith('ready', 'starting', 'ready', undefined, 'ready');
    slots.empty(at(0));
    slots.occupy(at(0), workerOf('ready', 1));
    const order = (max: number): number[] => slots.beyond(max).map(({ index }) => index);
    expect(order(0)).toEqual([3, 1, 4, 2, 0]);
    expect(order(3)).toEqual([3, 1]);
    expect(order(5)).toEqual([]);
    expect(order(9)).toEqual([]);
  });
});

describe('a slot that backs off', () => {
  test('is vacant again after the delay, and not before', () => {
    const { clock, slots, at } = slotsWith(undefined);
    let over = 0;
    slots.backOff(at(0), 1000, () => {
      over += 1;
    });
    clock.advance(999);
    expect([over, at(0).state, at(0).worker, slots.size]).toEqual([0, 'backing-off', undefined, 0]);
    clock.advance(1);
    expect([over, at(0).state]).toEqual([1, 'vacant']);
  });

  test.each<[string, (slots: Slots, slot: Slot) => void]>([
    ['is emptied', (slots, slot) => slots.empty(slot)],
    ['is retired', (slots, slot) => slots.retire(slot)],
  ])('leaves no timer when it %s', (_, act) => {
    const { clock, slots, at } = slotsWith(undefined);
    let over = 0;
    const slot = at(0);
    slots.backOff(slot, 1000, () => {
      over += 1;
    });
    act(slots, slot);
    const { state } = slot;
    clock.advance(2000);
    expect([over, clock.timers.size, slot.state]).toEqual([0, 0, state]);
  });
});

describe('a retired slot', () => {
  test('is no slot of the pool any more, and returns its worker', () => {
    const { slots, at } = slotsWith('ready', 'ready');
    const slot = at(0);
    const { worker } = slot;
    expect(slots.retire(slot)).toBe(worker);
    expect([slots.all(), slot.state, slots.of(worker as Worker)]).toEqual([[at(0)], 'retired', undefined]);
    slots.retire(slot);
    expect(slots.regular).toHaveLength(1);
  });

  test('of a replacement leaves the slot that it was for free to have another', () => {
    const { slots, at } = slotsWith('ready');
    const replacement = slots.addReplacement(at(0), 'tasks');
    expect([replacement.index, at(0).replacement, slots.replacements]).toEqual([0, replacement, [replacement]]);
    slots.retire(replacement);
    expect([at(0).replacement, slots.replacements, slots.regular.length]).toEqual([undefined, [], 1]);
  });
});

describe('a spare', () => {
  test('is handed over once it is ready, and leaves its slot vacant', () => {
    const { slots } = slotsWith();
    slots.addSpare();
    slots.addSpare();
    expect(slots.takeSpare()).toBeUndefined();
    const [booting, ready] = [workerOf('starting'), workerOf('ready')];
    slots.occupy(slots.spares[0] as Slot, booting);
    slots.occupy(slots.spares[1] as Slot, ready);
    expect(slots.takeSpare()).toBe(ready);
    expect(slots.takeSpare()).toBeUndefined();
    expect(slots.spares.map(({ state }) => state)).toEqual(['occupied', 'vacant']);
  });
});
