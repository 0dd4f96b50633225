/**
 * Items, inputs and listeners whose code ends the pool or the batch in the middle of a map: every
 * item settles.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Pool } from 'everpool';
import { describe, expect, test } from 'vitest';
import { newFolder, newPool, type TestTasks, until, useKit } from '../../kit/pools.js';

type Act = (pool: Pool<TestTasks>, batch: () => { cancel(reason?: unknown): Promise<void>; kill(): Promise<void> }) => unknown;

const acts: Record<string, Act> = {
  'pool.kill()': (pool) => pool.kill(),
  'pool.terminate()': (pool) => pool.terminate(),
  'pool.close()': (pool) => pool.close(),
  'pool.killTasks()': (pool) => pool.killTasks(),
  'batch.cancel()': (_pool, batch) => batch().cancel('in the middle'),
  'batch.kill()': (_pool, batch) => batch().kill(),
  'pool.run()': (pool) => pool.run('add', [1, 2]),
  'pool.map()': (pool) => pool.map('echo', [1, 2]).then(() => undefined),
};

const ways: Record<string, object> = { alone: {}, 'in chunks': { retries: 1, chunkSize: 4 }, 'with a journal': { journal: '' } };

describe('a map in whose middle code of the program calls', () => {
  useKit();

  for (const [name, act] of Object.entries(acts)) {
    test(`${name}: from an item, from the input or from a listener, every outcome is reported and the pool closes`, async () => {
      for (const [way, options] of Object.entries(ways)) {
        for (const place of ['item', 'input', 'listener'] as const) {
          const pool = newPool({ size: 1 });
          await pool.run('noop');
          const results: Promise<unknown>[] = [];
          let isCalled = false;
          const call = (): void => {
            if (isCalled) return;
            isCalled = true;
            results.push(Promise.resolve(act(pool, () => batch)).catch(() => undefined));
          };
          function* items(): Generator<unknown> {
            for (let item = 0; item < 30; item += 1) {
              if (place === 'input' && item === 10) call();
              if (place !== 'item' || item !== 10) yield item;
              else {
                yield {
                  get value() {
                    call();
                    return 10;
                  },
                };
              }
            }
          }
          const given = 'journal' in options ? { journal: `${newFolder()}/journal` } : options;
          // Asynchronous, because the input may use its batch.
          const later = (async function* () {
            await null;
            yield* items();
          })();
          const batch = pool.map('echo', way === 'alone' ? items() : later, given);
          if (place === 'listener') batch.onProgress(call);
          const outcomes = await batch.settled();
          expect(isCalled, `${way}, ${place}`).toBe(true);
          for (const outcome of outcomes) expect(outcome.status, `${way}, ${place}`).toMatch(/fulfilled|rejected/);
          await Promise.all(results);
          await pool.close();
          expect(pool.stats()).toMatchObject({ queued: 0, running: 0, waiting: 0 });
        }
      }
    });
  }
});

describe('the context of a map', () => {
  useKit();

  test('its input, its items and its progress belong to the call, whoever made the pool or reads the results', async () => {
    const storage = new AsyncLocalStorage<string>();
    const pool = storage.run('the pool', () => newPool());
    await storage.run('the pool', () => pool.ready());
    const seen = new Set<string>();
    const see = (what: string): void => void seen.add(`${what} of ${storage.getStore()}`);
    const map = (client: string) =>
      storage.run(client, () => {
        async function* items(): AsyncGenerator<unknown> {
          for (let item = 0; item < 40; item += 1) {
            await null;
            see('input');
            yield {
              get value() {
                see('item');
                return item;
              },
            };
          }
        }
        const batch = pool.map('echo', items(), { bufferSize: 2 });
        return batch.onProgress(() => see('progress'));
      });
    const read = async (batch: AsyncIterable<unknown>): Promise<void> => {
      for await (const _value of batch) await null;
    };
    const batches = [map('A'), map('B')];
    await storage.run('the reader', () => Promise.all(batches.map(read)));
    await until('all was seen', () => seen.size >= 6);
    expect([...seen].sort()).toEqual(
      ['A', 'B'].flatMap((client) => ['input', 'item', 'progress'].map((what) => `${what} of ${client}`)).sort(),
    );
  });
});
