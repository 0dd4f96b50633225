import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Deadlines, type Due } from '../../../src/shared/deadlines.js';
import { FakeClock } from '../../kit/fake-clock.js';
import { isLong } from '../../kit/long.js';

class Item implements Due {
  dueAt = 0;
  heapIndex = -1;
  fired = 0;
  readonly onFire: (item: Item) => void;

  constructor(onFire: (item: Item) => void = () => undefined) {
    this.onFire = onFire;
  }
  onDue(): void {
    this.fired += 1;
    this.onFire(this);
  }
}

describe('deadlines', () => {
  test('each fires once, in order, and is no longer set then', () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, (item: Item) => item.onDue());
    const order: number[] = [];
    const items = [30, 10, 20].map((at) => {
      const item = new Item(() => order.push(at));
      deadlines.set(item, at);
      return item;
    });
    clock.jumpTo(9);
    expect(order).toEqual([]);
    clock.jumpTo(25);
    expect(order).toEqual([10, 20]);
    clock.jumpTo(100);
    expect(order).toEqual([10, 20, 30]);
    expect(items.map((item) => item.heapIndex)).toEqual([-1, -1, -1]);
    expect(deadlines.size).toBe(0);
    expect(clock.timers.size).toBe(0);
  });

  test('no timer is started for each task that ends in time', () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, (item: Item) => item.onDue());
    const item = new Item();
    for (let time = 0; time < 1000; time++) {
      clock.jumpTo(time);
      deadlines.set(item, time + 100);
      deadlines.clear(item);
    }
    expect(clock.started).toBeLessThan(12);
    expect(item.fired).toBe(0);
  });

  test('an earlier deadline moves the timer', () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, (item: Item) => item.onDue());
    const [late, early] = [new Item(), new Item()];
    deadlines.set(late, 1000);
    deadlines.set(early, 10);
    expect(clock.timers.size).toBe(1);
    clock.jumpTo(10);
    expect([early.fired, late.fired]).toEqual([1, 0]);
  });

  test('a deadline that fires may clear one that is due in the same round', () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, (item: Item) => item.onDue());
    const second = new Item();
    deadlines.set(new Item(() => deadlines.clear(second)), 1);
    deadlines.set(second, 2);
    clock.jumpTo(5);
    expect(second.fired).toBe(0);
  });

  test('a deadline that fires may set itself to a time that has passed without holding the others up', () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, (item: Item) => item.onDue());
    const other = new Item();
    const again = new Item((item) => {
      if (item.fired < 5) deadlines.set(item, 0);
      if (item.fired === 1) expect(other.fired).toBe(0);
      if (item.fired === 2) expect(other.fired).toBe(1);
    });
    deadlines.set(again, 1);
    deadlines.set(other, 2);
    clock.jumpTo(5);
    expect([again.fired, other.fired]).toEqual([5, 1]);
  });

  test('one that throws does not lose the others, nor its error', () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, (item: Item) => item.onDue());
    const other = new Item();
    deadlines.set(
      new Item(() => {
        throw new Error('a bug');
      }),
      1,
    );
    deadlines.set(other, 1);
    clock.jumpTo(1);
    expect(other.fired).toBe(1);
    expect(clock.soonCallbacks).toHaveLength(1);
    expect(clock.soonCallbacks[0]).toThrow('a bug');
  });

  test('stop leaves no timer and fires nothing more, also from within a round', () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, (item: Item) => item.onDue());
    const [due, later] = [new Item(), new Item()];
    deadlines.set(new Item(() => deadlines.stop()), 1);
    deadlines.set(due, 2);
    deadlines.set(later, 50);
    clock.jumpTo(5);
    clock.jumpTo(100);
    expect([due.fired, later.fired, deadlines.size, clock.timers.size]).toEqual([0, 0, 0, 0]);
    deadlines.set(later, 200);
    clock.jumpTo(200);
    expect(later.fired).toBe(1);
  });

  test('Infinity is no deadline, NaN is a mistake', () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock, (item: Item) => item.onDue());
    const item = new Item();
    deadlines.set(item, 5);
    deadlines.set(item, Number.POSITIVE_INFINITY);
    expect([deadlines.size, item.heapIndex]).toEqual([0, -1]);
    expect(() => deadlines.set(item, Number.NaN)).toThrow(RangeError);
  });

  test('fires exactly what a naive list of deadlines would, with one timer at most', () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), index: fc.nat(9), at: fc.nat(200) }),
      fc.record({ kind: fc.constant('clear' as const), index: fc.nat(9), at: fc.constant(0) }),
      fc.record({ kind: fc.constant('advance' as const), index: fc.constant(0), at: fc.nat(30) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const clock = new FakeClock();
        const deadlines = new Deadlines(clock, (item: Item) => item.onDue());
        const fired: number[] = [];
        const items = Array.from({ length: 10 }, (_, index) => new Item(() => fired.push(index)));
        const model = new Map<number, number>();
        for (const { kind, index, at } of actions) {
          fired.length = 0;
          if (kind === 'set') {
            const dueAt = clock.time + at;
            deadlines.set(items[index] as Item, dueAt);
            model.set(index, dueAt);
          } else if (kind === 'clear') {
            deadlines.clear(items[index] as Item);
            model.delete(index);
          } else {
            clock.jumpTo(clock.time + at);
          }
          if (kind === 'set' && at === 0) clock.jumpTo(clock.time);
          if (kind !== 'clear') {
            const due = [...model].filter(([, dueAt]) => dueAt <= clock.time).map(([key]) => key);
            expect([...fired].sort()).toEqual(due.sort());
            for (const key of due) model.delete(key);
          }
          expect(deadlines.size).toBe(model.size);
          expect(clock.timers.size).toBeLessThanOrEqual(1);
          const isSet = items.map(({ heapIndex }) => heapIndex >= 0);
          expect(isSet).toEqual(items.map((_, key) => model.has(key)));
        }
      }),
      { numRuns: isLong ? 300 : 30 },
    );
  });
});
