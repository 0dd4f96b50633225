import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Events } from '../../../src/pool/events.js';
import { FakeClock } from '../../kit/fake-clock.js';

const RECOVERED = {} as never;

function eventsWith(): { clock: FakeClock; events: Events } {
  const clock = new FakeClock();
  return { clock, events: new Events(clock) };
}

describe('a listener', () => {
  test('is called after the turn, with the payload, as often as the event occurs', () => {
    const { clock, events } = eventsWith();
    const heard: unknown[] = [];
    events.on('workerReady', (payload) => heard.push(payload));
    events.emit('workerReady', { workerId: 1 } as never);
    events.emit('workerReady', { workerId: 2 } as never);
    expect(heard).toEqual([]);
    clock.runSoon();
    expect(heard).toEqual([{ workerId: 1 }, { workerId: 2 }]);
  });

  test('hears nothing of another event', () => {
    const { clock, events } = eventsWith();
    const heard: unknown[] = [];
    events.on('recovered', (payload) => heard.push(payload));
    events.emit('workerReady', {} as never);
    clock.runSoon();
    expect(heard).toEqual([]);
  });

  test('of `once` hears the first event only', () => {
    const { clock, events } = eventsWith();
    let calls = 0;
    events.once('recovered', () => (calls += 1));
    events.emit('recovered', RECOVERED);
    events.emit('recovered', RECOVERED);
    clock.runSoon();
    expect(calls).toBe(1);
  });

  test.each(['on', 'once'] as const)('of `%s` is removed by `off`, even for an event of this turn', (method) => {
    const { clock, events } = eventsWith();
    let calls = 0;
    const listener = (): number => (calls += 1);
    events[method]('recovered', listener);
    events.emit('recovered', RECOVERED);
    events.off('recovered', listener);
    clock.runSoon();
    expect(calls).toBe(0);
  });

  test('that another listener adds hears the next event', () => {
    const { clock, events } = eventsWith();
    const heard: string[] = [];
    events.once('recovered', () => {
      heard.push('first');
      events.on('recovered', () => heard.push('second'));
    });
    events.emit('recovered', RECOVERED);
    clock.runSoon();
    expect(heard).toEqual(['first']);
    events.emit('recovered', RECOVERED);
    clock.runSoon();
    expect(heard).toEqual(['first', 'second']);
  });

  test('cannot be added to an event that does not exist, nor be something that cannot be called', () => {
    const { events } = eventsWith();
    for (const method of ['on', 'once', 'off'] as const) {
      expect(() => events[method]('workerBorn' as never, () => undefined)).toThrow(/event.*workerSpawned/);
      expect(() => events[method]('recovered', 'text' as never)).toThrow(/listener.*function/);
    }
  });
});

describe('a listener that throws', () => {
  const warnings: Error[] = [];
  const hear = (warning: Error): number => warnings.push(warning);
  beforeEach(() => {
    process.on('warning', hear);
  });
  afterEach(() => {
    process.off('warning', hear);
    warnings.length = 0;
  });

  test('costs neither the other listeners nor the other callbacks their call, and becomes a warning', async () => {
    const { clock, events } = eventsWith();
    const heard: string[] = [];
    events.on('recovered', () => {
      throw new Error('a bug');
    });
    events.on('recovered', () => heard.push('listener'));
    events.emit('recovered', RECOVERED);
    events.after(() => {
      throw new Error('another bug');
    });
    events.after(() => heard.push('callback'));
    clock.runSoon();
    expect(heard).toEqual(['listener', 'callback']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings.map(({ message }) => message)).toEqual(['a bug', 'another bug']);
  });
});

describe('an event that nobody hears', () => {
  test('costs not even a microtask', () => {
    const { clock, events } = eventsWith();
    events.emit('recovered', RECOVERED);
    expect(clock.soonCallbacks).toEqual([]);
  });

  test('of a task is known as such, so that nobody builds its payload', () => {
    const { events } = eventsWith();
    const listener = (): void => undefined;
    expect(events.has('taskStarted')).toBe(false);
    events.on('recovered', listener);
    expect(events.has('taskStarted')).toBe(false);
    events.on('taskSettled', listener);
    expect([events.has('taskSettled'), events.has('taskStarted')]).toEqual([true, false]);
    events.off('taskSettled', listener);
    expect(events.has('taskSettled')).toBe(false);
  });
});

test('all callbacks of a turn share one microtask, and those they add get the next one', () => {
  const { clock, events } = eventsWith();
  const order: string[] = [];
  events.after(() => {
    order.push('first');
    events.after(() => order.push('added'));
  });
  events.after(() => order.push('second'));
  expect(clock.soonCallbacks).toHaveLength(1);
  clock.runSoon();
  expect(order).toEqual(['first', 'second']);
  clock.runSoon();
  expect(order).toEqual(['first', 'second', 'added']);
});
