import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type HeapItem, IndexedHeap } from '../../../src/shared/indexed-heap.js';

interface Ranked extends HeapItem {
  rank: number;
}

const item = (rank: number): Ranked => ({ rank, heapIndex: -1 });
const heapOf = (...items: Ranked[]): IndexedHeap<Ranked> => {
  const heap = new IndexedHeap<Ranked>((one, other) => one.rank < other.rank);
  for (const each of items) heap.add(each);
  return heap;
};

/** The ranks in the order in which the heap gives its items up. */
function drained(heap: IndexedHeap<Ranked>): number[] {
  const ranks: number[] = [];
  for (let first = heap.first; first !== undefined; first = heap.first) {
    ranks.push(first.rank);
    expect(heap.remove(first)).toBe(true);
    expect(first.heapIndex).toBe(-1);
  }
  return ranks;
}

test('an empty heap has no first item', () => {
  const heap = heapOf();
  expect([heap.first, heap.size, heap.toArray(), heap.clear()]).toEqual([undefined, 0, [], []]);
});

test('an item that is not in the heap cannot be removed', () => {
  const [inside, outside] = [item(1), item(0)];
  const heap = heapOf(inside);
  expect(heap.remove(outside)).toBe(false);
  expect(heap.remove(inside)).toBe(true);
  expect(heap.remove(inside)).toBe(false);
});

test('a cleared heap returns its items, which may be added again', () => {
  const items = [item(2), item(1), item(3)];
  const heap = heapOf(...items);
  expect(new Set(heap.clear())).toEqual(new Set(items));
  expect(items.map(({ heapIndex }) => heapIndex)).toEqual([-1, -1, -1]);
  for (const each of items) heap.add(each);
  expect(drained(heap)).toEqual([1, 2, 3]);
});

test('gives its items up in order, whatever was added, moved and removed before', () => {
  const action = fc.record({ kind: fc.constantFrom('add', 'move', 'remove'), index: fc.nat(15), rank: fc.integer({ min: -9, max: 9 }) });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
      const heap = heapOf();
      const items = Array.from({ length: 16 }, () => item(0));
      const model = new Set<Ranked>();
      for (const { kind, index, rank } of actions) {
        const each = items[index] as Ranked;
        if (kind === 'remove') expect(heap.remove(each)).toBe(model.delete(each));
        else if (kind === 'add' && !model.has(each)) {
          each.rank = rank;
          heap.add(each);
          model.add(each);
        } else if (model.has(each)) {
          each.rank = rank;
          heap.update(each);
        }
        expect(heap.size).toBe(model.size);
        expect(heap.first?.rank).toBe(model.size === 0 ? undefined : Math.min(...[...model].map((held) => held.rank)));
        expect(heap.toArray().every((held, at) => held.heapIndex === at)).toBe(true);
        expect(items.every((held) => held.heapIndex >= 0 === model.has(held))).toBe(true);
      }
      expect(drained(heap)).toEqual([...model].map((held) => held.rank).sort((a, b) => a - b));
    }),
    { numRuns: 300 },
  );
});
