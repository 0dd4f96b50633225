/** `everpool/worker` of a task module beside a worker of another version. */
import { afterEach, describe, expect, test, vi } from 'vitest';

const KEY = Symbol.for('everpool.worker');

afterEach(() => {
  Reflect.deleteProperty(globalThis, KEY);
});

/**
 * `everpool/worker` as a task module sees it in a worker whose runtime put `link` on the global
 * object.
 */
async function workerBeside(link: unknown): Promise<typeof import('../../src/worker/index.js')> {
  Object.defineProperty(globalThis, KEY, { value: link, configurable: true });
  vi.resetModules();
  return import('../../src/worker/index.js');
}

describe('everpool/worker of another version than the worker', () => {
  test('works with everything that the worker offers', async () => {
    const context = { taskId: 7 };
    const hooks: unknown[] = [];
    const { context: ask, isWorker, onStop } = await workerBeside({ context: () => context, onStop: (hook: unknown) => hooks.push(hook) });
    expect(isWorker).toBe(true);
    expect(ask()).toBe(context);
    const hook = (): void => undefined;
    onStop(hook);
    expect(hooks).toEqual([hook]);
  });

  test('throws if the worker does not know a function', async () => {
    const { context, onStart } = await workerBeside({});
    expect(() => context()).toThrow(expect.objectContaining({ code: 'ERR_EVERPOOL_VERSION' }));
    expect(() => onStart(() => undefined)).toThrow(/another version of everpool/);
  });

  test.each([5, null, 'text'])('does not take %s for a worker', async (value) => {
    const { isWorker, onStart } = await workerBeside(value);
    expect(isWorker).toBe(false);
    onStart(() => undefined);
  });
});
