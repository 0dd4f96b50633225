import { describe, expect, test } from 'vitest';
import { fulfilled, type Outcome, rejected } from '../../../../src/pool/batch/outcome.js';
import { OutcomeBuffer, OutcomeRange } from '../../../../src/pool/batch/outcome-buffer.js';

function takeWhatIsThere(buffer: OutcomeBuffer): Outcome[] {
  const taken: Outcome[] = [];
  while (buffer.next !== undefined) {
    const { next } = buffer;
    const outcome = buffer.take();
    expect(outcome.status).toBe(next);
    taken.push(outcome);
  }
  return taken;
}

describe('an outcome buffer', () => {
  test('ordered: returns the outcomes of ranges and single items by the index of their item, up to the first gap', () => {
    const buffer = new OutcomeBuffer(true);
    buffer.put(new OutcomeRange(3, 2, 1, ['x', 'd', 'e'], 1, undefined));
    buffer.put(rejected(2, 'c', 1));
    expect(takeWhatIsThere(buffer)).toEqual([]);
    buffer.put(new OutcomeRange(0, 2, 4, ['a', undefined], 0, new Map([[1, 'b']])));
    const outcomes = takeWhatIsThere(buffer);
    expect(outcomes).toEqual([
      { index: 0, status: 'fulfilled', value: 'a' },
      { index: 1, status: 'rejected', reason: 'b' },
      { index: 2, status: 'rejected', reason: 'c' },
      { index: 3, status: 'fulfilled', value: 'd' },
      { index: 4, status: 'fulfilled', value: 'e' },
    ]);
    expect(outcomes.map(({ attempts }) => attempts)).toEqual([4, 4, 1, 1, 1]);
    buffer.put(new OutcomeRange(6, 1, 1, undefined, 0, undefined));
    expect(buffer.next).toBeUndefined();
  });

  test('unordered: returns them as they arrived', () => {
    const buffer = new OutcomeBuffer(false);
    buffer.put(new OutcomeRange(7, 2, 1, undefined, 0, undefined));
    buffer.put(fulfilled(0, 'a'));
    expect([buffer.next, buffer.takeValue()]).toEqual(['fulfilled', undefined]);
    buffer.put(fulfilled(1, 'b'));
    expect(takeWhatIsThere(buffer).map(({ index }) => index)).toEqual([8, 0, 1]);
  });

  test('holds no value that was taken, and nothing once it is closed', () => {
    const values = ['a', 'b'];
    const buffer = new OutcomeBuffer(true);
    buffer.put(new OutcomeRange(0, 2, 1, values, 0, undefined));
    expect([buffer.next, buffer.takeValue()]).toEqual(['fulfilled', 'a']);
    expect(values).toEqual([undefined, 'b']);
    buffer.close();
    buffer.put(fulfilled(2, 'c'));
    expect([buffer.next, buffer.takeAll()]).toEqual([undefined, []]);
  });
});
