import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { AbortSignals } from '../../../src/pool/abort-signals.js';

function signals(onEach: (member: string) => void = () => undefined): { watched: AbortSignals<string>; aborted: [string, unknown][] } {
  const aborted: [string, unknown][] = [];
  const watched = new AbortSignals<string>((member, reason) => {
    aborted.push([member, reason]);
    onEach(member);
  });
  return { watched, aborted };
}

const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('tasks that share an AbortSignal', () => {
  test('share one listener, and each of them is aborted once, with the reason', () => {
    const { watched, aborted } = signals();
    const controller = new AbortController();
    for (const member of ['a', 'b', 'c']) watched.watch(controller.signal, member);
    expect(listenersOf(controller.signal)).toBe(1);
    controller.abort('enough');
    expect(aborted).toEqual([
      ['a', 'enough'],
      ['b', 'enough'],
      ['c', 'enough'],
    ]);
    expect(listenersOf(controller.signal)).toBe(0);
  });

  test('take the listener away with the last of them', () => {
    const { watched, aborted } = signals();
    const controller = new AbortController();
    watched.watch(controller.signal, 'a');
    watched.watch(controller.signal, 'b');
    watched.unwatch(controller.signal, 'a');
    expect(listenersOf(controller.signal)).toBe(1);
    watched.unwatch(controller.signal, 'b');
    expect(listenersOf(controller.signal)).toBe(0);
    watched.watch(controller.signal, 'c');
    controller.abort(1);
    expect(aborted).toEqual([['c', 1]]);
  });

  test('leave the others alone when one that was never there is taken away', () => {
    const { watched, aborted } = signals();
    const controller = new AbortController();
    watched.unwatch(controller.signal, 'a');
    watched.watch(controller.signal, 'a');
    watched.unwatch(controller.signal, 'stranger');
    controller.abort(1);
    expect(aborted).toEqual([['a', 1]]);
  });

  test('have nothing to do with another signal', () => {
    const { watched, aborted } = signals();
    const [one, other] = [new AbortController(), new AbortController()];
    watched.watch(one.signal, 'a');
    watched.watch(other.signal, 'b');
    other.abort(2);
    expect(aborted).toEqual([['b', 2]]);
  });

  test('are aborted within the call when the signal has fired already, and add no listener', () => {
    const { watched, aborted } = signals();
    const signal = AbortSignal.abort('before');
    watched.watch(signal, 'a');
    expect(aborted).toEqual([['a', 'before']]);
    expect(listenersOf(signal)).toBe(0);
  });
});

describe('one that throws while it is aborted', () => {
  const warnings: Error[] = [];
  const hear = (warning: Error): number => warnings.push(warning);
  afterEach(() => {
    process.off('warning', hear);
    warnings.length = 0;
  });

  test('does not keep the others from being aborted, and becomes a warning', async () => {
    process.on('warning', hear);
    const { watched, aborted } = signals((member) => {
      if (member === 'a') throw new Error('a bug');
    });
    const controller = new AbortController();
    for (const member of ['a', 'b']) watched.watch(controller.signal, member);
    controller.abort();
    expect(aborted.map(([member]) => member)).toEqual(['a', 'b']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings.map(({ message }) => message)).toEqual(['a bug']);
  });
});
