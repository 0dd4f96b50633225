import { describe, expect, test } from 'vitest';
import { Flag, FrameType } from '../../../src/ipc/frame.js';
import { WINDOW_VALUES } from '../../../src/ipc/stream-window.js';
import { FakeParent } from '../../fixtures/worker/fake-parent.js';

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
/** A worker with one task, which is streamed as attempt 1. */
async function streaming(task: () => unknown): Promise<FakeParent> {
  const parent = await FakeParent.of({ task });
  parent.run(1, 'task', [], { flags: Flag.Stream });
  return parent;
}
const valuesOf = (parent: FakeParent): unknown[] => parent.replies.filter(({ type }) => type === 'Value').map(({ value }) => value);
const take = (parent: FakeParent, count: number, seq = 1): void => parent.give({ type: FrameType.Taken, seq, a: count });

describe('a task that is streamed', () => {
  test.each<[string, () => unknown]>([
    [
      'a generator',
      function* () {
        yield* [1, 2, 3];
      },
    ],
    [
      'an asynchronous generator',
      async function* () {
        yield* [1, 2, 3];
      },
    ],
    ['a function that returns an array', () => [1, 2, 3]],
    ['a promise of something that can be iterated', async () => new Set([1, 2, 3])],
  ])('may be %s: each value is sent, and then the end', async (_, task) => {
    const parent = await streaming(task);
    expect(await parent.reply(1)).toMatchObject({ type: 'Result', value: undefined });
    expect(valuesOf(parent)).toEqual([1, 2, 3]);
  });

  test.each<[string, unknown]>([
    ['a number', 5],
    ['a text', 'text'],
    ['undefined', undefined],
    ['an object that cannot be iterated', {}],
  ])('fails when it returns %s', async (_, made) => {
    const parent = await streaming(() => made);
    const { type, value } = await parent.reply(1);
    expect([type, (value as Error).name]).toEqual(['Failure', 'TypeError']);
    expect(valuesOf(parent)).toEqual([]);
  });

  test('fails with what its generator throws, after the values before that', async () => {
    const parent = await streaming(function* () {
      yield 1;
      throw new RangeError('out of data');
    });
    expect(await parent.reply(1)).toMatchObject({ type: 'Failure', value: { message: 'out of data' } });
    expect(valuesOf(parent)).toEqual([1]);
  });

  test('fails when its iterator returns something that is not an object', async () => {
    const parent = await streaming(() => ({ [Symbol.iterator]: () => ({ next: () => 5 }) }));
    const { type, value } = await parent.reply(1);
    expect([type, (value as Error).message]).toEqual(['Failure', expect.stringContaining('not an object')]);
  });
});

describe('a slow reader', () => {
  function counting(): { task: () => Generator<number>; seen: { made: number; isClosed: boolean } } {
    const seen = { made: 0, isClosed: false };
    function* task(): Generator<number> {
      try {
        for (;;) {
          seen.made += 1;
          yield seen.made;
        }
      } finally {
        seen.isClosed = true;
      }
    }
    return { task, seen };
  }

  test('stops the generator when the window is full, and each value that is taken lets one pass', async () => {
    const { task, seen } = counting();
    const parent = await streaming(task);
    await settle();
    expect([valuesOf(parent).length, seen.made]).toEqual([WINDOW_VALUES, WINDOW_VALUES]);
    take(parent, 3);
    await settle();
    expect(valuesOf(parent)).toHaveLength(WINDOW_VALUES + 3);
  });

  test('of one stream does not stop another', async () => {
    const parent = await FakeParent.of({ endless: counting().task }, 2);
    for (const seq of [1, 2]) parent.run(seq, 'endless', [], { flags: Flag.Stream });
    await settle();
    take(parent, 5, 2);
    await settle();
    const countOf = (seq: number): number => parent.replies.filter((reply) => reply.type === 'Value' && reply.seq === seq).length;
    expect([countOf(1), countOf(2)]).toEqual([WINDOW_VALUES, WINDOW_VALUES + 5]);
  });

  test('stops it after one value that is larger than the whole window', async () => {
    const parent = await streaming(function* () {
      for (;;) yield Buffer.alloc(3 << 20);
    });
    await settle();
    expect(valuesOf(parent)).toHaveLength(1);
  });

  test('does not keep a cancelled task from ending: its generator is closed, and it fails', async () => {
    const { task, seen } = counting();
    const parent = await streaming(task);
    await settle();
    parent.abort(1, 'cancel', new Error('enough'));
    expect(await parent.reply(1)).toMatchObject({ type: 'Failure', value: { message: 'enough' } });
    expect([seen.isClosed, seen.made]).toEqual([true, WINDOW_VALUES]);
  });

  test('that takes from a stream that has ended does no harm', async () => {
    const parent = await streaming(() => [1]);
    await parent.reply(1);
    take(parent, 1);
    take(parent, 1, 99);
    parent.run(2, 'task', [], { flags: Flag.Stream });
    expect(await parent.reply(2)).toMatchObject({ type: 'Result' });
  });
});
