import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Codec, encode } from '../../../src/ipc/codec/codec.js';
import { Flag, FrameType, HEADER_BYTES } from '../../../src/ipc/frame.js';
import { pingMessage, recalledMessage } from '../../../src/ipc/messages.js';
import { bytesOf, FakeParent } from '../../fixtures/worker/fake-parent.js';

/** A task that ends when the test says so. */
function gate(): { task: () => Promise<unknown>; open: (value?: unknown) => void; calls: () => number } {
  const opens: ((value?: unknown) => void)[] = [];
  let calls = 0;
  return {
    task: () => {
      calls += 1;
      return new Promise((resolve) => opens.push(resolve));
    },
    open: (value) => opens.shift()?.(value),
    calls: () => calls,
  };
}

function* items(): Generator<number> {
  yield 1;
}
async function* itemsLater(): AsyncGenerator<number> {
  yield 1;
}

describe('boot', () => {
  it('imports the module, runs the start hooks in order, and says which functions there are', async () => {
    const parent = new FakeParent({ one: () => 1, two: async () => 2, notOne: 3, default: () => 0 });
    const seen: unknown[] = [];
    parent.runner.hooks.onStart(async (data) => {
      await null;
      seen.push(['first', data]);
    });
    parent.runner.hooks.onStart((data) => void seen.push(['second', data]));
    parent.boot({ workerData: { a: 1 } });
    await parent.until(() => parent.replies.length > 0);
    expect(parent.replies).toMatchObject([{ type: 'Ready', value: ['one', 'two', 'default'] }]);
    expect(seen).toEqual([
      ['first', { a: 1 }],
      ['second', { a: 1 }],
    ]);
    expect(parent.titles).toEqual(['mill: worker 7']);
    expect(() => parent.runner.hooks.onStart(() => undefined)).toThrow(expect.objectContaining({ code: 'ERR_EVERPOOL_TOO_LATE' }));
  });

  it('takes the members of a CommonJS export, even those that Node does not detect', async () => {
    const sum = (): number => 1;
    const module = { sum, twice: () => 2, name: 'x' };
    const parent = new FakeParent({ sum, default: module, 'module.exports': module });
    parent.boot();
    await parent.until(() => parent.replies.length > 0);
    expect(parent.replies[0]?.value).toEqual(['sum', 'twice']);
  });

  it('leaves the default object of an ES module alone', async () => {
    const parent = new FakeParent({ sum: () => 1, default: { helper: () => 2 } });
    parent.boot();
    await parent.until(() => parent.replies.length > 0);
    expect(parent.replies[0]?.value).toEqual(['sum']);
  });

  it('reports the exception of a hook on stderr and to the parent, and exits with 1', async () => {
    const parent = new FakeParent({});
    parent.runner.hooks.onStart(() => {
      throw new RangeError('no database');
    });
    parent.boot();
    expect(await parent.exit()).toBe(1);
    expect(parent.story).toEqual(['BootFailed 0', 'exit 1']);
    expect(parent.replies[0]?.value).toBeInstanceOf(RangeError);
    expect(parent.printed.join('')).toMatch(/RangeError: no database\n +at /);
  });

  it('reports a boot failure even if the exception cannot be sent', async () => {
    const parent = new FakeParent({});
    parent.runner.hooks.onStart(() => {
      throw () => undefined;
    });
    parent.boot();
    expect(await parent.exit()).toBe(1);
    expect((parent.replies[0]?.value as Error | undefined)?.message).toBe('a function');
  });

  it('starts attempts that arrived before it was ready once it is ready', async () => {
    const parent = new FakeParent({ one: () => 1 });
    parent.boot();
    parent.run(1, 'one');
    expect(parent.story).toEqual([]);
    await parent.reply(1);
    expect(parent.story).toEqual(['Ready 0', 'claim 1', 'Result 1']);
  });
});

describe('starting', () => {
  it('claims an attempt when the header is there, before the body', async () => {
    const parent = await FakeParent.of({ echo: (value: unknown) => value });
    parent.run(1, 'echo');
    parent.forget();
    const bytes = parent.runBytes(2, 'echo', ['hello'], { flags: Flag.WantStarted });
    parent.runner.receive(bytes.subarray(0, HEADER_BYTES - 1));
    expect(parent.story).toEqual([]);
    parent.runner.receive(bytes.subarray(HEADER_BYTES - 1, HEADER_BYTES + 2));
    expect(parent.story).toEqual(['claim 2', 'Started 2']);
    parent.runner.receive(bytes.subarray(HEADER_BYTES + 2));
    expect(parent.story).toEqual(['claim 2', 'Started 2', 'Result 2']);
    expect(parent.replies[1]?.value).toBe('hello');
  });

  it('skips an attempt whose offer was recalled, and its body, and goes on', async () => {
    const calls: number[] = [];
    const parent = await FakeParent.of({ call: (n: number) => void calls.push(n) });
    const bytes = Buffer.concat([1, 2, 3].map((seq) => parent.runBytes(seq, 'call', [seq], { flags: Flag.WantStarted })));
    parent.offers = [1, 3];
    parent.runner.receive(bytes);
    expect(calls).toEqual([1, 3]);
    expect(parent.story).toEqual([
      ...['claim 1', 'Started 1', 'Result 1'],
      // The header of 3 has not arrived when it is claimed.
      ...['claim 3', 'Dropped 2', 'Started 3', 'Result 3'],
    ]);
  });

  it('answers each before it claims the next, in one chunk too', async () => {
    const parent = await FakeParent.of({ one: () => 1 });
    parent.runner.receive(Buffer.concat([1, 2].map((seq) => parent.runBytes(seq, 'one'))));
    expect(parent.story).toEqual(['claim 1', 'Result 1', 'claim 2', 'Result 2']);
  });

  it('claims attempts that were sent ahead when their turn comes, and skips those that were recalled meanwhile', async () => {
    const { task, open } = gate();
    const parent = await FakeParent.of({ task, one: () => 1 });
    parent.run(1, 'task');
    for (const seq of [2, 3, 4, 5]) parent.run(seq, 'one');
    expect(parent.story).toEqual(['claim 1']);
    parent.recall((seq) => seq === 3 || seq === 5); // the message is on its way
    open();
    await parent.reply(5);
    expect(parent.story.slice(1)).toEqual([...['Result 1', 'claim 3', 'Dropped 2', 'Result 3'], ...['claim 5', 'Dropped 4', 'Result 5']]);
  });

  it('claims an attempt whose body is still on its way when its turn comes', async () => {
    const { task, open } = gate();
    const parent = await FakeParent.of({ task, echo: (value: unknown) => value });
    parent.run(1, 'task');
    const bytes = parent.runBytes(2, 'echo', ['whole']);
    parent.runner.receive(bytes.subarray(0, bytes.length - 3));
    open();
    await parent.until(() => parent.story.includes('claim 2'));
    expect(parent.story.slice(1)).toEqual(['Result 1', 'claim 2']);
    parent.runner.receive(bytes.subarray(bytes.length - 3));
    expect((await parent.reply(2)).value).toBe('whole');
  });

  it('skips the rest of a body whose attempt was recalled when its turn came', async () => {
    const { task, open } = gate();
    const parent = await FakeParent.of({ task, one: () => 1 });
    parent.run(1, 'task');
    parent.run(2, 'one');
    const bytes = parent.runBytes(3, 'one', ['long']);
    parent.runner.receive(bytes.subarray(0, bytes.length - 1));
    parent.offers = [2, 4];
    open();
    await parent.until(() => parent.story.includes('Dropped 3'));
    expect(parent.story.slice(1)).toEqual(['Result 1', 'claim 2', 'Result 2', 'claim 4', 'Dropped 3']);
    parent.runner.receive(bytes.subarray(bytes.length - 1));
    parent.offers = [];
    parent.run(4, 'one');
    expect((await parent.reply(4)).value).toBe(1);
    expect(parent.replies.some((reply) => reply.type === 'Result' && reply.seq === 3)).toBe(false);
  });

  it('runs two at a time with concurrency 2, and starts the third when either ends', async () => {
    const { task, open, calls } = gate();
    const parent = await FakeParent.of({ task }, 2);
    for (const seq of [1, 2, 3]) parent.run(seq, 'task');
    expect(calls()).toBe(2);
    expect(parent.story).toEqual(['claim 1', 'claim 2']);
    open('a');
    expect((await parent.reply(1)).value).toBe('a');
    expect(calls()).toBe(3);
    expect(parent.story.slice(2)).toEqual(['Result 1', 'claim 3']);
  });
});

describe('claiming', () => {
  const withOne = (concurrency?: number): Promise<FakeParent> => FakeParent.of({ one: () => 1 }, concurrency);

  /** A worker that runs 1, with these attempts in its queue. */
  async function busy(...queued: number[]): Promise<{ parent: FakeParent; open: () => void }> {
    const { task, open } = gate();
    const parent = await FakeParent.of({ task, one: () => 1 });
    parent.run(1, 'task');
    for (const seq of queued) parent.run(seq, 'one');
    parent.forget();
    return { parent, open };
  }

  it('starts nothing whose offer it cannot claim, and asks no second time before a Recalled', async () => {
    const { parent, open } = await busy(2, 3);
    const recalled = parent.recall((seq) => seq === 3);
    parent.offers = []; // 3 is offered again a little later
    open();
    await parent.reply(1);
    await parent.until(() => parent.story.includes('Starved 0'));
    expect(parent.story).toEqual(['Result 1', 'claim nothing', 'Starved 0']);
    parent.runner.receive(Buffer.concat([parent.runBytes(4, 'one'), parent.runBytes(5, 'one')]));
    expect(parent.story).toEqual(['Result 1', 'claim nothing', 'Starved 0']);
    parent.offers = [3, 4, 5];
    parent.runner.receive(recalled);
    expect(parent.story.slice(3)).toEqual(['claim 3', 'Dropped 2', 'Result 3', 'claim 4', 'Result 4', 'claim 5', 'Result 5']);
  });

  it('says at which recall it starved, once after each', async () => {
    const parent = await withOne();
    const bytes = parent.runBytes(1, 'one');
    parent.offers = [];
    parent.runner.receive(bytes);
    for (let recall = 1; recall <= 2; recall += 1) parent.give(recalledMessage(1, 1));
    expect(parent.story).toEqual([0, 1, 2].flatMap((recalls) => ['claim nothing', `Starved ${recalls}`]));
  });

  it('forgets what a Recalled says is withdrawn, without a report, and asks no more', async () => {
    const { parent, open } = await busy(2, 3, 4);
    parent.recalls((seq) => seq < 3);
    open();
    await parent.reply(2);
    await Promise.resolve();
    expect(parent.story).toEqual(['Result 1', 'claim 2', 'Result 2']);
    parent.run(5, 'one');
    expect(parent.story.slice(3)).toEqual(['claim 5', 'Result 5']);
  });

  it('forgets the aborts of what is withdrawn, and no others', async () => {
    const { task, open } = gate();
    const aborted: number[] = [];
    const parent: FakeParent = await FakeParent.of({
      task,
      look: (seq: number) => {
        if (parent.runner.context().signal.aborted) aborted.push(seq);
      },
    });
    parent.run(1, 'task');
    for (const seq of [2, 3, 4]) parent.run(seq, 'look', [seq]);
    for (const seq of [2, 3, 4]) parent.abort(seq);
    parent.recalls((seq) => seq === 2);
    // An abort of a number that comes again would be that of another attempt.
    parent.run(3, 'look', [3]);
    open();
    await parent.reply(3);
    expect(aborted).toEqual([2]);
  });

  it('claims an attempt whose header has not arrived, and starts it when it does', async () => {
    const { parent, open } = await busy(2);
    const bytes = parent.runBytes(3, 'one', [], { flags: Flag.WantStarted });
    parent.recall((seq) => seq === 3); // neither it nor the Run of 3 has arrived
    open();
    await parent.until(() => parent.story.includes('Dropped 2'));
    expect(parent.story).toEqual(['Result 1', 'claim 3', 'Dropped 2']);
    expect(parent.runner.isInTask).toBe(false);
    parent.runner.receive(bytes);
    expect(parent.story.slice(3)).toEqual(['Started 3', 'Result 3']);
  });

  it('skips headers below the attempt that it has claimed, and claims nothing while it waits for that one', async () => {
    const { parent, open } = await busy(2);
    const bytes = [3, 4, 5, 6].map((seq) => parent.runBytes(seq, 'one'));
    const recalled = parent.recall((seq) => seq >= 5);
    open();
    await parent.until(() => parent.story.includes('Dropped 2'));
    parent.runner.receive(Buffer.concat(bytes));
    expect(parent.story).toEqual(['Result 1', 'claim 5', 'Dropped 2', 'Dropped 3', 'Dropped 4', 'Result 5', 'claim 6', 'Result 6']);
    parent.runner.receive(recalled);
    expect(parent.story).toHaveLength(8);
  });

  it('skips headers below one that it has answered', async () => {
    const { parent, open } = await busy(2);
    const bytes = parent.runBytes(3, 'one');
    const last = parent.runBytes(4, 'one');
    parent.offers = [4];
    open();
    await parent.until(() => parent.story.includes('Dropped 2'));
    parent.runner.receive(last); // no pipe does this
    parent.runner.receive(bytes);
    expect(parent.story).toEqual(['Result 1', 'claim 4', 'Dropped 2', 'Result 4', 'Dropped 3']);
  });

  it.each([
    ['below the next attempt', 1],
    ['no number', Number.NaN],
    ['a fraction', 1.5],
    ['negative', -3],
  ])('ends the worker if the number that it reads is %s', async (_what, offer) => {
    const { parent, open } = await busy(2);
    parent.offers = [offer];
    open();
    expect(await parent.exit()).toBe(1);
    expect(parent.story).toEqual(['Result 1', `claim ${offer}`, 'exit 1']);
    expect(parent.printed.join('')).toContain('read by somebody else');
  });

  it('ends the worker if it claims between two that it has received', async () => {
    const { parent, open } = await busy(2, 4);
    parent.offers = [3];
    open();
    expect(await parent.exit()).toBe(1);
    expect(parent.story).toEqual(['Result 1', 'claim 3', 'Dropped 2', 'exit 1']);
  });

  it('reports each attempt of which somebody has read the offer: a later one was claimed, or none', async () => {
    const { parent, open } = await busy(2, 3, 4);
    parent.offers = [4]; // somebody has read two
    open();
    await parent.reply(4);
    expect(parent.story).toEqual(['Result 1', 'claim 4', 'Dropped 2', 'Dropped 3', 'Result 4']);
    const stolen = await busy(2);
    stolen.parent.offers = [];
    stolen.open();
    await stolen.parent.until(() => stolen.parent.story.includes('Starved 0'));
  });

  it('ends the worker if the offers cannot be read', async () => {
    const { parent, open } = await busy(2);
    Object.defineProperty(parent.offers, 'shift', {
      value: () => {
        throw new Error('EBADF');
      },
    });
    open();
    expect(await parent.exit()).toBe(1);
    expect(parent.replies.map(({ type }) => type)).toEqual(['Result']);
  });

  it('with two places claims for each, in order', async () => {
    const { task, open } = gate();
    const parent = await FakeParent.of({ task }, 2);
    for (const seq of [1, 2, 3, 4, 5]) parent.run(seq, 'task');
    expect(parent.story).toEqual(['claim 1', 'claim 2']);
    parent.recall((seq) => seq !== 3);
    open();
    await parent.reply(1);
    open();
    await parent.until(() => parent.story.includes('claim 5'));
    expect(parent.story.slice(2)).toEqual(['Result 1', 'claim 4', 'Dropped 3', 'Result 2', 'claim 5']);
  });

  it('claims nothing once it is to leave', async () => {
    const { parent, open } = await busy(2);
    parent.give({ type: FrameType.Leave });
    parent.recalls(() => true);
    open();
    expect(await parent.exit()).toBe(0);
    expect(parent.story).toEqual(['Result 1', 'exit 0']);
  });
});

describe('running', () => {
  it('says how long the attempt took, and when it ended', async () => {
    const parent: FakeParent = await FakeParent.of({
      slow: () => {
        parent.time += 2.5;
      },
    });
    parent.run(1, 'slow');
    expect(parent.replies).toMatchObject([{ type: 'Result', seq: 1, runMs: 2.5, time: parent.time, value: undefined }]);
    const forever: FakeParent = await FakeParent.of({
      slow: () => {
        forever.time += 1e9;
      },
    });
    forever.run(1, 'slow');
    expect(forever.replies[0]?.runMs).toBe(0xffff_ffff / 1000);
  });

  it('awaits promises and other thenables, and their rejections', async () => {
    const thenable = (value: unknown, isGood: boolean) => () => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable that is no promise is the point
      then(resolve: (value: unknown) => void, reject: (value: unknown) => void): void {
        if (isGood) resolve(value);
        else reject(value);
      },
    });
    const parent = await FakeParent.of({ promise: async () => 1, good: thenable(2, true), bad: thenable('three', false) });
    parent.run(1, 'promise');
    parent.run(2, 'good');
    parent.run(3, 'bad');
    expect((await parent.reply(1)).value).toBe(1);
    expect((await parent.reply(2)).value).toBe(2);
    expect(await parent.reply(3)).toMatchObject({ type: 'Failure', flags: 0, value: 'three' });
  });

  it('carries any exception', async () => {
    const thrown = [new TypeError('x', { cause: 1 }), 'text', undefined, null, 0, { code: 5 }];
    const parent = await FakeParent.of({
      fail: (at: number) => {
        throw thrown[at];
      },
    });
    for (const at of thrown.keys()) parent.run(at + 1, 'fail', [at]);
    expect(parent.replies.map(({ type, flags }) => `${type} ${flags}`)).toEqual(thrown.map(() => 'Failure 0'));
    expect(parent.replies.map(({ value }) => value)).toEqual(thrown);
  });

  it('fails one task alone when its arguments cannot be decoded', async () => {
    const parent = await FakeParent.of({ one: () => 1 });
    parent.runEncoded(1, 'one', { codec: Codec.Json, body: '[1,', attachments: [], bytes: 3 });
    parent.run(2, 'one');
    expect(parent.replies).toMatchObject([
      { type: 'Failure', seq: 1, flags: Flag.Undecodable, value: { name: 'SyntaxError' } },
      { type: 'Result', seq: 2, value: 1 },
    ]);
  });

  it('names what the module exports when it does not export the task', async () => {
    const parent = await FakeParent.of({ one: () => 1 });
    parent.run(1, 'toString');
    parent.run(2, 'one');
    expect(parent.replies).toMatchObject([{ type: 'Failure', flags: Flag.UnknownTask, value: { exports: ['one'] } }, { type: 'Result' }]);
  });

  it.each<[string, () => unknown, string]>([
    ['a function', () => ({ user: { save: () => undefined } }), 'result.user.save'],
    ['a generator', items, 'result'],
    ['an async generator', itemsLater, 'result'],
    ['an iterator', () => [1].values(), 'result'],
    [
      'a getter that throws',
      () => ({
        get x(): never {
          throw new Error('no');
        },
      }),
      'result.x',
    ],
  ])('fails one task alone when its result is %s', async (_what, task, path) => {
    const parent = await FakeParent.of({ task, one: () => 1 });
    parent.run(1, 'task');
    parent.run(2, 'one');
    expect(await parent.reply(1)).toMatchObject({
      type: 'Failure',
      flags: Flag.Unserialisable,
      value: { side: 'result', message: expect.stringContaining(path) },
    });
    expect(await parent.reply(2)).toMatchObject({ type: 'Result', value: 1 });
  });

  it('describes a thrown value that cannot be sent', async () => {
    const thrown: unknown = { callback: () => undefined };
    const parent = await FakeParent.of({
      fail: () => {
        throw thrown;
      },
    });
    parent.run(1, 'fail');
    expect(parent.replies[0]).toMatchObject({
      flags: Flag.Unserialisable,
      value: { side: 'error', message: expect.stringContaining('error.callback: '), thrown: 'an object' },
    });
  });

  it('survives a result whose `then` throws', async () => {
    const parent = await FakeParent.of({
      odd: () => ({
        // biome-ignore lint/suspicious/noThenProperty: a `then` that throws is the point
        get then(): never {
          throw new RangeError('then');
        },
      }),
    });
    parent.run(1, 'odd');
    expect(parent.replies).toMatchObject([{ type: 'Failure', flags: 0, value: { name: 'RangeError' } }]);
  });

  it('runs a function by its source', async () => {
    const parent = await FakeParent.of({});
    const exec = (seq: number, source: string, args: unknown[]) => parent.run(seq, 'exec', [source, args], { flags: Flag.Exec });
    exec(1, '(a, b) => a + b', [1, 2]);
    exec(2, 'async (a) => a * 2', [4]);
    exec(3, '(a) => a +', [1]);
    exec(4, '() => { throw new TypeError("mine") }', []);
    expect(await parent.reply(1)).toMatchObject({ type: 'Result', value: 3 });
    expect(await parent.reply(2)).toMatchObject({ type: 'Result', value: 8 });
    expect(await parent.reply(3)).toMatchObject({ type: 'Failure', flags: 0, value: { name: 'SyntaxError' } });
    expect(await parent.reply(4)).toMatchObject({ type: 'Failure', flags: 0, value: { message: 'mine' } });
  });
});

describe('memory', () => {
  it.each([
    ['synchronous', (keep: (value: object) => object) => (value: object) => keep(value)],
    ['asynchronous', (keep: (value: object) => object) => async (value: object) => keep(value)],
  ])('holds neither arguments nor results of a %s task that has ended', async (_what, taskOf) => {
    const kept: WeakRef<object>[] = [];
    const task = taskOf((value) => {
      const result = { twice: value };
      kept.push(new WeakRef(value), new WeakRef(result));
      return result;
    });
    const parent = await FakeParent.of({ task });
    parent.run(1, 'task', [{ name: 'x' }]);
    await parent.reply(1);
    parent.forget();
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    await new Promise((resolve) => setImmediate(resolve)); // a WeakRef holds until the end of the turn
    gc();
    expect(kept.map((ref) => ref.deref())).toEqual([undefined, undefined]);
  });
});

describe('leaving', () => {
  it('answers a ping with its question', async () => {
    const parent = await FakeParent.of({});
    parent.give(pingMessage(5));
    expect(parent.replies).toMatchObject([{ type: 'Pong', seq: 5, time: parent.time }]);
  });

  it('leaves immediately when idle and without hooks', async () => {
    const parent = await FakeParent.of({});
    parent.give({ type: FrameType.Leave });
    expect(parent.story).toEqual(['exit 0']);
  });

  it('finishes what runs, starts nothing more, and runs every stop hook before it exits', async () => {
    const { task, open } = gate();
    const parent = await FakeParent.of({ task, one: () => 1 });
    parent.runner.hooks.onStop(async () => {
      await null;
      parent.story.push('hook 1');
      throw new Error('hook failed');
    });
    parent.runner.hooks.onStop(() => void parent.story.push('hook 2'));
    parent.run(1, 'task');
    parent.run(2, 'one');
    parent.give({ type: FrameType.Leave });
    parent.run(3, 'one');
    expect(parent.story).toEqual(['claim 1']);
    open('done');
    expect(await parent.exit()).toBe(0);
    expect(parent.story.slice(1)).toEqual(['Result 1', 'hook 1', 'hook 2', 'exit 0']);
    expect(parent.printed.join('')).toContain('hook failed');
  });

  it('runs the stop hooks when the parent has died and nothing runs', async () => {
    const parent = await FakeParent.of({});
    parent.runner.hooks.onStop(() => void parent.story.push('hook'));
    parent.runner.onParentLost();
    expect(await parent.exit()).toBe(0);
    expect(parent.story).toEqual(['hook', 'exit 0']);
  });

  it('exits immediately when the parent has died and a task runs', async () => {
    const parent = await FakeParent.of({ task: gate().task });
    parent.runner.hooks.onStop(() => void parent.story.push('hook'));
    parent.run(1, 'task');
    parent.runner.onParentLost();
    expect(parent.story).toEqual(['claim 1', 'exit 1']);
  });

  it('leaves when the parent dies in the middle of a message', async () => {
    const parent = await FakeParent.of({ one: () => 1 });
    const bytes = parent.runBytes(1, 'one', ['cut']);
    parent.runner.receive(bytes.subarray(0, bytes.length - 2));
    parent.runner.onParentLost();
    expect(parent.story).toEqual(['claim 1', 'exit 0']);
  });

  it('leaves in the middle of its boot', async () => {
    const parent = new FakeParent({});
    parent.runner.hooks.onStart(() => new Promise(() => undefined));
    parent.boot();
    parent.give({ type: FrameType.Leave });
    expect(parent.story).toEqual(['exit 0']);
  });

  it('dies of bytes that are not a frame, and says so', async () => {
    const parent = await FakeParent.of({});
    parent.runner.receive(Buffer.alloc(64, 7));
    expect(parent.exitCode).toBe(1);
    expect(parent.printed.join('')).toContain('ProtocolError');
    parent.runner.receive(bytesOf({ type: FrameType.Ping }, encode(undefined)));
    expect(parent.replies).toEqual([]);
  });
});
