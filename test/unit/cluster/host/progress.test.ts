import { expect, test } from 'vitest';
import { Progress } from '../../../../src/cluster/host/progress.js';
import { type Deferred, deferred } from '../../../../src/shared/deferred.js';

function writing(limit = 100) {
  const writes: { value: string; done: Deferred<void> }[] = [];
  const progress = new Progress(limit, (value) => {
    const done = deferred<void>();
    writes.push({ value, done });
    return done.promise;
  });
  return { progress, writes, values: () => writes.map(({ value }) => value) };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('one value is written at a time, and the latest one follows', async () => {
  const { progress, writes, values } = writing();
  for (const value of ['a', 'b', 'c']) progress.put(value);
  await turn();
  expect(values()).toEqual(['a']);
  writes[0]?.done.resolve();
  await turn();
  expect(values()).toEqual(['a', 'c']);
});

test('a write that fails does not stop the next one', async () => {
  const { progress, writes, values } = writing();
  progress.put('a');
  progress.put('b');
  writes[0]?.done.reject(new Error('away'));
  await turn();
  expect(values()).toEqual(['a', 'b']);
});

test('nothing is written after the end', async () => {
  const { progress, writes, values } = writing();
  progress.put('a');
  progress.put('b');
  progress.stop();
  writes[0]?.done.resolve();
  await turn();
  expect(values()).toEqual(['a']);
});

test('what is too long for an event is dropped', () => {
  const { progress, values } = writing(3);
  progress.put('long');
  progress.put('abc');
  expect(values()).toEqual(['abc']);
});
