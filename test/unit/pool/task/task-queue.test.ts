import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Level, type Queued, TaskQueue } from '../../../../src/pool/task/task-queue.js';
import { isLong } from '../../../kit/long.js';

class Item implements Queued<Item> {
  queuePrev: Item | undefined;
  queueNext: Item | undefined;
  queueLevel: Level<Item> | undefined;
  readonly id: number;
  readonly priority: number;

  constructor(id: number, priority = 0) {
    this.id = id;
    this.priority = priority;
  }
}

function idsOf(queue: TaskQueue<Item>): number[] {
  return [...queue].map((item) => item.id);
}

describe('task queue', () => {
  test('G14: higher priority first, first in first out within one', () => {
    const queue = new TaskQueue<Item>();
    for (const [id, priority] of [
      [1, 0],
      [2, 5],
      [3, 0],
      [4, -1],
      [5, 5],
      [6, 0.5],
    ] as const)
      queue.push(new Item(id, priority));
    expect(idsOf(queue)).toEqual([2, 5, 6, 1, 3, 4]);
    const taken: (number | undefined)[] = [];
    while (queue.size > 0) taken.push(queue.shift()?.id);
    expect(taken).toEqual([2, 5, 6, 1, 3, 4]);
    expect(queue.shift()).toBeUndefined();
    expect(queue.peek()).toBeUndefined();
  });

  test('G14: pushFront goes before its own priority only', () => {
    const queue = new TaskQueue<Item>();
    queue.push(new Item(1, 1));
    queue.push(new Item(2));
    queue.pushFront(new Item(3));
    expect(idsOf(queue)).toEqual([1, 3, 2]);
  });

  test('-0 and 0 are the same priority', () => {
    const queue = new TaskQueue<Item>();
    queue.push(new Item(1, 0));
    queue.push(new Item(2, -0));
    queue.push(new Item(3, 0));
    expect(idsOf(queue)).toEqual([1, 2, 3]);
  });

  test('an item is not queued twice, and removed once', () => {
    const queue = new TaskQueue<Item>();
    const item = new Item(1);
    queue.push(item);
    expect(() => queue.push(item)).toThrow('twice');
    expect(() => queue.pushFront(item)).toThrow('twice');
    expect([queue.remove(item), queue.remove(item), queue.size]).toEqual([true, false, 0]);
    queue.push(item);
    expect(queue.peek()).toBe(item);
  });

  test('the item that the iterator has just yielded may be removed', () => {
    const queue = new TaskQueue<Item>();
    for (let id = 0; id < 20; id++) queue.push(new Item(id, id % 3));
    for (const item of queue) if (item.id % 2 === 0) queue.remove(item);
    expect(idsOf(queue).every((id) => id % 2 === 1)).toBe(true);
    expect(queue.size).toBe(10);
    for (const item of queue) queue.remove(item);
    expect([queue.size, queue.peek()]).toEqual([0, undefined]);
  });

  test('a removed item holds nothing', () => {
    const queue = new TaskQueue<Item>();
    const items = [new Item(1), new Item(2), new Item(3)] as const;
    for (const item of items) queue.push(item);
    queue.remove(items[1]);
    expect([items[1].queuePrev, items[1].queueNext, items[1].queueLevel]).toEqual([undefined, undefined, undefined]);
    expect(items[0].queueNext).toBe(items[2]);
  });

  test('is the same as a sorted array, whatever is done to it', () => {
    const priority = fc.oneof(fc.constant(0), fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, noDefaultInfinity: true }));
    const action = fc.oneof(
      fc.record({ kind: fc.constantFrom('push' as const, 'pushFront' as const), priority, pick: fc.constant(0) }),
      fc.record({ kind: fc.constantFrom('shift' as const, 'remove' as const), priority: fc.constant(0), pick: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
        const queue = new TaskQueue<Item>();
        let model: Item[] = [];
        for (const [id, { kind, priority, pick }] of actions.entries()) {
          const item = new Item(id, priority);
          if (kind === 'push') {
            queue.push(item);
            model = [...model.filter((one) => one.priority >= priority), item, ...model.filter((one) => one.priority < priority)];
          } else if (kind === 'pushFront') {
            queue.pushFront(item);
            model = [...model.filter((one) => one.priority > priority), item, ...model.filter((one) => one.priority <= priority)];
          } else if (kind === 'shift') {
            expect(queue.shift()).toBe(model.shift());
          } else if (model.length > 0) {
            const [victim] = model.splice(pick % model.length, 1);
            expect(queue.remove(victim as Item)).toBe(true);
          }
          expect(queue.size).toBe(model.length);
          expect(queue.peek()).toBe(model[0]);
          expect(idsOf(queue)).toEqual(model.map((one) => one.id));
        }
      }),
      { numRuns: isLong ? 1000 : 30 },
    );
  });
});
