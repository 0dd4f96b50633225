import { describe, expect, test } from 'vitest';
import { fulfilled, type Outcome, rejected } from '../../../../src/pool/batch/outcome.js';
import { Outlet, Stretch } from '../../../../src/pool/batch/outcome-buffer.js';

function takeWhatIsThere(outlet: Outlet): Outcome[] {
  const taken: Outcome[] = [];
  while (outlet.next !== undefined) {
    const { next } = outlet;
    const outcome = outlet.take();
    expect(outcome.status).toBe(next);
    taken.push(outcome);
  }
  return taken;
}

describe('an outlet', () => {
  test('ordered: gives what stretches and single outcomes hold by the index of their item, up to the first gap', () => {
    const outlet = new Outlet(true);
    outlet.put(new Stretch(3, 2, 1, ['x', 'd', 'e'], 1, undefined));
    outlet.put(rejected(2, 'c', 1));
    expect(takeWhatIsThere(outlet)).toEqual([]);
    outlet.put(new Stretch(0, 2, 4, ['a', undefined], 0, new Map([[1, 'b']])));
    const outcomes = takeWhatIsThere(outlet);
    expect(outcomes).toEqual([
      { index: 0, status: 'fulfilled', value: 'a' },
      { index: 1, status: 'rejected', reason: 'b' },
      { index: 2, status: 'rejected', reason: 'c' },
      { index: 3, status: 'fulfilled', value: 'd' },
      { index: 4, status: 'fulfilled', value: 'e' },
    ]);
    expect(outcomes.map(({ attempts }) => attempts)).toEqual([4, 4, 1, 1, 1]);
    outlet.put(new Stretch(6, 1, 1, undefined, 0, undefined));
    expect(outlet.next).toBeUndefined();
  });

  test('unordered: gives them as they came', () => {
    const outlet = new Outlet(false);
    outlet.put(new Stretch(7, 2, 1, undefined, 0, undefined));
    outlet.put(fulfilled(0, 'a'));
    expect([outlet.next, outlet.takeValue()]).toEqual(['fulfilled', undefined]);
    outlet.put(fulfilled(1, 'b'));
    expect(takeWhatIsThere(outlet).map(({ index }) => index)).toEqual([8, 0, 1]);
  });

  test('holds no value that was taken, and nothing once it is closed', () => {
    const values = ['a', 'b'];
    const outlet = new Outlet(true);
    outlet.put(new Stretch(0, 2, 1, values, 0, undefined));
    expect([outlet.next, outlet.takeValue()]).toEqual(['fulfilled', 'a']);
    expect(values).toEqual([undefined, 'b']);
    outlet.close();
    outlet.put(fulfilled(2, 'c'));
    expect([outlet.next, outlet.takeAll()]).toEqual([undefined, []]);
  });
});
