import { describe, expect, it } from 'vitest';
import { readEvents } from '../../../../src/cluster/store/redis-events.js';

type Backend = ThisParameterType<typeof readEvents>;

/** A Redis that answers as `xread` does. */
function backend(xread: () => Promise<unknown>): { backend: Backend; calls: string[] } {
  const calls: string[] = [];
  const connection = {
    client: Promise.resolve({
      xread(...args: unknown[]): Promise<unknown> {
        calls.push(JSON.stringify(args));
        return xread();
      },
    }),
    disconnect: async () => void calls.push('disconnect'),
    reconnect: async () => void calls.push('reconnect'),
  };
  return { backend: { connection, queue: { keys: { events: 'q:events' } } } as unknown as Backend, calls };
}

describe('the wait for the events of a Redis', () => {
  it('returns what it reads, and null if nothing comes', async () => {
    const events = [['q:events', [['1-0', ['event', 'waiting']]]]];
    const some = backend(async () => events);
    expect(await readEvents.call(some.backend, '$', 10_000)).toBe(events);
    expect(some.calls).toEqual(['[[{"key":"q:events","id":"$"}],{"BLOCK":10000}]']);
    expect(await readEvents.call(backend(async () => null).backend, '$', 10_000)).toBeNull();
  });

  it('rejects if the connection is lost', async () => {
    const lost = backend(() => Promise.reject(new Error('lost')));
    await expect(readEvents.call(lost.backend, '$', 10_000)).rejects.toThrow('lost');
    expect(lost.calls).toHaveLength(1);
  });

  it('abandons a call that is never answered, with its connection', async () => {
    const silent = backend(() => new Promise(() => undefined));
    expect(await readEvents.call(silent.backend, '1-0', 1)).toBeNull();
    expect(silent.calls.slice(1)).toEqual(['reconnect', 'disconnect', 'reconnect']);
  });
});
