import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Place, RankedPlace, RankedWorkers, WorkerSet } from '../../../../src/pool/dispatch/worker-set.js';

describe('a set of workers', () => {
  function setOf(...names: string[]): { set: WorkerSet<string>; places: Record<string, Place<string>> } {
    const set = new WorkerSet<string>();
    const places = Object.fromEntries(names.map((name) => [name, new Place(name)]));
    for (const place of Object.values(places)) set.set(place, true);
    return { set, places };
  }

  test('has nothing to give while it is empty', () => {
    const { set } = setOf();
    expect([set.size, set.latest, set.next()]).toEqual([0, undefined, undefined]);
  });

  test('holds each worker once, however often it is added or removed', () => {
    const { set, places } = setOf('a', 'b');
    set.set(places['a'] as Place<string>, true);
    expect(set.size).toBe(2);
    for (let times = 0; times < 2; times += 1) set.set(places['a'] as Place<string>, false);
    expect([set.size, set.latest]).toEqual([1, 'b']);
  });

  test('lets go of the right worker after others have changed their places', () => {
    const { set, places } = setOf('a', 'b', 'c', 'd');
    for (const name of ['a', 'd', 'c']) set.set(places[name] as Place<string>, false);
    expect([set.size, set.latest, set.next()]).toEqual([1, 'b', 'b']);
    set.set(places['b'] as Place<string>, false);
    expect([set.size, set.next()]).toEqual([0, undefined]);
  });

  test('gives the worker that came last, whose caches are the warmest', () => {
    const { set, places } = setOf('a', 'b', 'c');
    expect(set.latest).toBe('c');
    set.set(places['b'] as Place<string>, false);
    set.set(places['b'] as Place<string>, true);
    expect(set.latest).toBe('b');
  });

  test('gives each worker in turn', () => {
    const { set } = setOf('a', 'b', 'c');
    const round = [set.next(), set.next(), set.next()];
    expect([...round].sort()).toEqual(['a', 'b', 'c']);
    expect([set.next(), set.next(), set.next()]).toEqual(round);
  });

  test('goes on giving workers of its own when some have left in the middle of a turn', () => {
    const { set, places } = setOf('a', 'b', 'c', 'd');
    set.next();
    set.next();
    set.set(places['c'] as Place<string>, false);
    set.set(places['d'] as Place<string>, false);
    expect([set.next(), set.next()].sort()).toEqual(['a', 'b']);
  });
});

describe('workers by rank', () => {
  test('are given from the lowest rank that has any', () => {
    const workers = new RankedWorkers<string>();
    expect(workers.first).toBeUndefined();
    const [idle, busy] = [new RankedPlace('idle'), new RankedPlace('busy')];
    workers.set(busy, 3);
    expect(workers.first?.latest).toBe('busy');
    workers.set(idle, 0);
    expect(workers.first?.latest).toBe('idle');
    workers.set(idle, 4);
    expect(workers.first?.latest).toBe('busy');
    workers.set(busy, -1);
    expect(workers.first?.latest).toBe('idle');
    workers.set(idle, -1);
    expect([workers.first, workers.size]).toEqual([undefined, 0]);
  });

  test('are the same as a sorted list, whatever moves', () => {
    const moves = fc.array(fc.record({ who: fc.nat(5), rank: fc.integer({ min: -1, max: 6 }) }), { maxLength: 40 });
    fc.assert(
      fc.property(moves, (list) => {
        const workers = new RankedWorkers<number>();
        const places = Array.from({ length: 6 }, (_, who) => new RankedPlace(who));
        const ranks = new Map<number, number>();
        for (const { who, rank } of list) {
          workers.set(places[who] as RankedPlace<number>, rank);
          if (rank < 0) ranks.delete(who);
          else ranks.set(who, rank);
          const lowest = Math.min(...ranks.values());
          const given = workers.first?.latest;
          if (workers.size !== ranks.size) throw new Error(`${workers.size} workers, not ${ranks.size}`);
          if (given === undefined ? ranks.size > 0 : ranks.get(given) !== lowest) throw new Error(`${given} is not of rank ${lowest}`);
          for (let below = 0; below <= 7; below += 1) {
            const expected = [...ranks.values()].filter((each) => each < below).length;
            if (workers.countBelow(below) !== expected) throw new Error(`not ${expected} below ${below}`);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
