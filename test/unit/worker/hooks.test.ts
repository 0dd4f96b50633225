import { describe, expect, test } from 'vitest';
import { Hooks } from '../../../src/worker/hooks.js';

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the start hooks of a worker', () => {
  test('run one after the other, in their order, each with the workerData', async () => {
    const hooks = new Hooks();
    const story: unknown[] = [];
    hooks.onStart(async (data) => {
      story.push('first begins', data);
      await soon();
      story.push('first ends');
    });
    hooks.onStart((data) => void story.push('second', data));
    await hooks.runStart(7);
    expect(story).toEqual(['first begins', 7, 'first ends', 'second', 7]);
  });

  test('may add another while they run, but none may be added after that', async () => {
    const hooks = new Hooks();
    const story: string[] = [];
    hooks.onStart(() => {
      story.push('outer');
      hooks.onStart(() => void story.push('inner'));
    });
    await hooks.runStart(undefined);
    expect(story).toEqual(['outer', 'inner']);
    expect(() => hooks.onStart(() => undefined)).toThrow(expect.objectContaining({ code: 'ERR_EVERPOOL_TOO_LATE' }));
  });

  test('end with the first that fails', async () => {
    const hooks = new Hooks();
    const error = new Error('no database');
    const story: string[] = [];
    hooks.onStart(() => Promise.reject(error));
    hooks.onStart(() => void story.push('later'));
    await expect(hooks.runStart(undefined)).rejects.toBe(error);
    expect(story).toEqual([]);
  });
});

describe('the stop hooks of a worker', () => {
  test('all run, in their order, also when one of them fails', async () => {
    const hooks = new Hooks();
    const story: unknown[] = [];
    expect(hooks.hasStop).toBe(false);
    hooks.onStop(async () => {
      await soon();
      story.push('first');
    });
    hooks.onStop(() => {
      throw new Error('thrown');
    });
    hooks.onStop(() => Promise.reject(new Error('rejected')));
    hooks.onStop(() => void story.push('last'));
    expect(hooks.hasStop).toBe(true);
    await hooks.runStop((error) => story.push((error as Error).message));
    expect(story).toEqual(['first', 'thrown', 'rejected', 'last']);
  });

  test('may be added at any time, even by another while they run', async () => {
    const hooks = new Hooks();
    const story: string[] = [];
    await hooks.runStart(undefined);
    hooks.onStop(() => {
      story.push('outer');
      hooks.onStop(() => void story.push('inner'));
    });
    await hooks.runStop(() => story.push('an error'));
    expect(story).toEqual(['outer', 'inner']);
  });
});
