/**
 * Values on their way through real workers; the unit tests of the codec cover what each type
 * becomes.
 */
import { SerializationError, type Task } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Values from '../../fixtures/values.js';
import { expectUsable, fixture, linesOf, newFolder, newPool, rejection, useKit } from '../../kit/pools.js';

const DEADLINE = { timeout: 60_000 };
const valued = (options = {}) => newPool<typeof Values>({ module: fixture('values.js'), ...options });

describe('values', DEADLINE, () => {
  useKit();

  test('whose then or getter calls context() get that of their task, alone and in a chunk', async () => {
    const pool = newPool<Record<string, never>>({ module: fixture('asks-for-context.js'), size: 1 });
    for (const name of ['lazily', 'byGetter', 'byGetterLater'] as const) {
      const task = pool.run(name as never) as unknown as Task<unknown>;
      expect(await task).toEqual(name === 'lazily' ? task.id : { taskId: task.id });
    }
    expect(await pool.map('lazily' as never, [1, 2, 3] as never, { chunkSize: 3 })).toHaveLength(3);
  });

  test('URL, URLSearchParams and Headers travel both ways as what they are', async () => {
    const pool = valued();
    const url = new URL('https://user:pass@example.com/a?b=c#d');
    expect(await pool.run('seen', [url])).toEqual({ tag: '[object URL]', text: url.href, keys: [] });
    const [back, params, headers] = (await pool.run('echo', [[url, url.searchParams, new Headers({ a: 'b' })]])) as [
      URL,
      URLSearchParams,
      Headers,
    ];
    expect(back).toBeInstanceOf(URL);
    expect(params).toBeInstanceOf(URLSearchParams);
    expect(headers).toBeInstanceOf(Headers);
    expect([back.href, String(params), headers.get('a')]).toEqual([url.href, 'b=c', 'b']);
    expect(String(await pool.run('give', ['url']))).toBe('http://a/?b=c');
  });

  test('unsupported values are refused with their path, as arguments and as results; the worker lives', async () => {
    const pool = valued({ size: 1 });
    const pid = await pool.run('pid');
    for (const value of [new Request('http://a/'), new FormData(), AbortSignal.abort(), new AbortController(), new EventTarget()]) {
      const error = await rejection(pool.run('echo', [{ deep: [value] }]));
      expect(error).toBeInstanceOf(SerializationError);
      expect(error).toMatchObject({ side: 'arguments', message: expect.stringContaining('args[0].deep[0]: a') });
    }
    expect(await rejection(pool.run('give', ['response']))).toMatchObject({
      side: 'result',
      message: expect.stringContaining('result.deep[0]: a Response cannot be sent'),
    });
    expect(await rejection(pool.run('give', ['signal']))).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', side: 'result' });
    expect(await pool.run('pid')).toBe(pid);
  });

  test('a journal does not take the result of another URL', async () => {
    const pool = valued();
    const journal = `${newFolder()}/journal`;
    const urls = (path: string): URL[] => [1, 2, 3].map((id) => new URL(`http://a/${path}/${id}`));
    const texts = (await pool.map('seen', urls('one'), { journal })).map(({ text }) => text);
    expect(texts).toEqual(urls('one').map(String));
    expect((await pool.map('seen', urls('one'), { journal })).map(({ text }) => text)).toEqual(texts);
    expect((await rejection(pool.map('seen', urls('two'), { journal }))).message).toContain('belongs to another input');
  });

  test('an argument is what it was when run() was called, at every attempt', async () => {
    const pool = valued({ size: 1, restart: { intensity: 100 } });
    for (const size of [100, 8192, 64 * 1024, 1_000_000]) {
      const buffer = Buffer.alloc(size, 1);
      const first = pool.run('firstAndLast', [buffer]);
      buffer.fill(2);
      const second = pool.run('firstAndLast', [buffer]);
      structuredClone(buffer.buffer, { transfer: [buffer.buffer as ArrayBuffer] });
      expect(await first).toEqual([1, 1]);
      expect(await second).toEqual([2, 2]);
      const retried = Buffer.alloc(size, 1);
      const file = `${newFolder()}/starts`;
      const task = pool.run('firstAfterExit', [file, retried], { retries: 2 });
      await task.started;
      retried.fill(9);
      await rejection(task);
      expect(linesOf(file)).toEqual(['1', '1', '1']);
    }
  });

  test('of many large Buffers in flight each task has its own, though workers are killed and tasks cancelled', async () => {
    const pool = valued({ restart: { intensity: 1000 } });
    await pool.ready();
    const ids = Array.from({ length: 120 }, (_, id) => id + 1);
    let done = 0;
    const tasks = ids.map((id) => pool.run('firstAndLast', [Buffer.alloc(300_000 + 1000 * id, id)], { retries: 1000 }));
    const outcomes = tasks.map(async (task, index) => {
      const outcome = await task.catch((error: Error) => error.name);
      done += 1;
      const busy = pool.workers().find(({ state }) => state === 'busy');
      if (done % 20 === 0 && busy?.pid !== undefined) process.kill(busy.pid, 'SIGKILL');
      // Later values take over its memory.
      const next = await pool.run('firstAndLast', [Buffer.alloc(300_000, 255 - index)], { retries: 1000 });
      expect(next).toEqual([255 - index, 255 - index]);
      return outcome;
    });
    for (const id of [3, 50, 119]) tasks[id]?.cancel().catch(() => undefined);
    for (const [index, outcome] of (await Promise.all(outcomes)).entries()) {
      const id = index + 1;
      if (outcome !== 'TaskCancelledError') expect(outcome).toEqual([id, id]);
    }
  });

  test('an item of a map is what it was when it was read, in any chunk', async () => {
    const pool = valued();
    const count = 500;
    function* rows(): Generator<{ id: number }> {
      const row = { id: 0 };
      for (row.id = 0; row.id < count; row.id += 1) yield row;
    }
    function* buffers(): Generator<Buffer> {
      const bytes = Buffer.alloc(10);
      for (let id = 0; id < count; id += 1) yield bytes.fill(id & 0xff);
    }
    const ids = Array.from({ length: count }, (_, id) => id);
    for (const options of [{ retries: 1 }, { chunkSize: 100 }, {}]) {
      expect((await pool.map('echo', rows() as never, options)).map((row) => (row as unknown as { id: number }).id)).toEqual(ids);
      expect((await pool.map('firstAndLast', buffers(), options)).map(([first]) => first)).toEqual(ids.map((id) => id & 0xff));
      // Each has its own value, though it is one object here.
      const list: unknown[] = [];
      expect(new Set(await pool.map('takes', new Array(count).fill(list) as never, options))).toEqual(new Set([1]));
      expect(new Set(await pool.map('takes', new Array(count).fill([new Date()]) as never, options))).toEqual(new Set([2]));
    }
  });

  test('a result or an error is what it was when the task ended, in any chunk', async () => {
    const pool = valued();
    const ids = Array.from({ length: 200 }, (_, id) => id);
    for (const options of [{ retries: 1 }, { chunkSize: 50 }, {}]) {
      await pool.map('sameRow', ids, options);
      expect((await pool.map('sameRow', ids, options)).map(({ id }) => id)).toEqual(ids);
      expect((await pool.map('sameBytes', ids, options)).map((bytes) => [bytes[0], bytes.at(-1)])).toEqual(ids.map((id) => [id, id]));
      const outcomes = await pool.map('sameError', ids, options).settled();
      expect(outcomes.map((each) => (each.status === 'rejected' ? (each.reason as Error).message : ''))).toEqual(
        ids.map((id) => `item ${id}`),
      );
    }
  });

  test('items of a chunk that cannot be sent fail alone, with the path of a single item', async () => {
    const pool = valued();
    const whats = ['url', 'response', 'then that is data', 'signal', 'url'];
    const alone = await pool.map('give', whats).settled();
    for (const options of [{ chunkSize: 5 }, { retries: 1, chunkSize: 5 }]) {
      const outcomes = await pool.map('give', whats, options).settled();
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
      for (const [index, outcome] of outcomes.entries()) {
        const other = alone[index];
        if (outcome.status !== 'rejected' || other?.status !== 'rejected') continue;
        expect(outcome.reason).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', side: 'result' });
        const path = /result\S*: .*$/.exec((other.reason as Error).message)?.[0] as string;
        expect((outcome.reason as Error).message).toContain(path);
      }
    }
    expect(alone.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
  });

  test('an object that can be awaited is awaited in the worker; one whose `then` is data arrives as it is', async () => {
    const pool = valued();
    expect(await pool.run('give', ['thenable'])).toBe('what it resolves with');
    expect(await pool.run('give', ['then that is data'])).toEqual(JSON.parse('{"then":1,"a":2}'));
  });

  test('own keys with the names of prototype keys arrive as keys, and change nothing', async () => {
    const pool = valued();
    const evil: unknown = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":1}');
    for (const value of [evil, [evil, new Date()], [evil, new Error('m')]]) {
      const back = (await pool.run('echo', [value])) as object;
      expect(Object.keys(Array.isArray(back) ? (back[0] as object) : back)).toEqual(['__proto__', 'constructor', 'a']);
    }
    expect(Object.keys((await pool.run('give', ['__proto__'])) as object)).toEqual(['__proto__', 'constructor', 'a']);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  test.each([
    'a getter that throws nothing that can be printed',
    'a Proxy whose traps throw',
    'a revoked Proxy',
    'a name that throws',
    'a getter that throws an error whose getters throw',
  ])('%s harms the task that returns it, and no other', async (how) => {
    const pool = valued({ size: 1 });
    const pid = await pool.run('pid');
    for (const [name, side] of [
      ['spoil', 'result'],
      ['spoilError', 'error'],
    ] as const) {
      const task = pool.run(name, [how]);
      const behind = pool.run('add', [1, 2]);
      const error = await rejection(task);
      expect(error).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', side });
      expect(error.message).toContain(`${side}.deep.trap: `);
      expect(await behind).toBe(3);
    }
    expect(await pool.run('pid')).toBe(pid);
    await expectUsable(pool as never, 1);
  });
});
