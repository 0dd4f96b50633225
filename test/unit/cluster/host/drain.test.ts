/** The beginning and the end of a host (C12). */
import { describe, expect, test } from 'vitest';
import { HostScript, type ScriptedAttempt, scriptedHost } from '../../../kit/scripted-host.js';

async function running(head = {}, options = {}) {
  const scripted = await scriptedHost(options);
  const task = scripted.take('t-1', head);
  await scripted.pass();
  const [attempt] = scripted.pool.attempts as [ScriptedAttempt];
  return { scripted, task, attempt };
}

function isSettled(promise: Promise<unknown>): () => boolean {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  return () => settled;
}

describe('a host starts', () => {
  test('once the store and the pool are ready', async () => {
    const scripted = new HostScript();
    scripted.store.isReady.resolve();
    await scripted.pass();
    expect(scripted.store.calls).toEqual([]);
    scripted.pool.isReady.resolve();
    await scripted.started;
    expect(scripted.store.calls).toEqual(['slots 2', 'start']);
    expect(scripted.store.announced).toEqual([{ name: 'h', slots: 2 }]);
    expect(scripted.host.state).toBe('open');
    expect(scripted.clock.holds).toBe(1);
  });

  test.each([
    ['store', (scripted: HostScript) => scripted.store.isReady.reject(new Error('broken'))],
    ['pool', (scripted: HostScript) => scripted.pool.isReady.reject(new Error('broken'))],
  ])('not if its %s does not: it leaves nothing', async (_part, breaks) => {
    const scripted = new HostScript();
    breaks(scripted);
    await expect(scripted.started).rejects.toThrow('broken');
    expect(scripted.store.calls).toEqual(['close']);
    expect(scripted.pool.calls).toEqual(['kill']);
    expect(scripted.clock.holds).toBe(0);
    expect(scripted.clock.timers.size).toBe(0);
  });

  test('not if its signal fires first', async () => {
    const stop = new AbortController();
    const scripted = new HostScript({ signal: stop.signal });
    stop.abort(new Error('stop'));
    await expect(scripted.started).rejects.toThrow('stop');
    expect(scripted.store.calls).toEqual(['close']);
    await expect(new HostScript({ signal: stop.signal }).started).rejects.toThrow('stop');
  });

  test('and announces itself, at half of lockMs each time', async () => {
    const scripted = await scriptedHost({ lockMs: 1000 });
    await scripted.advance(500);
    await scripted.advance(500);
    expect(scripted.store.announced).toHaveLength(3);
    scripted.pool.slots = 6;
    scripted.pool.onResized?.();
    expect(scripted.store.calls.at(-1)).toBe('slots 6');
    expect(scripted.store.announced.at(-1)).toEqual({ name: 'h', slots: 6 });
    expect(scripted.host.slots).toBe(6);
  });
});

describe('close', () => {
  test('lets the running tasks finish, and then ends all', async () => {
    const { scripted, task, attempt } = await running();
    const closed = scripted.host.close();
    const isClosed = isSettled(closed);
    expect(scripted.host.state).toBe('draining');
    expect(scripted.store.calls.at(-1)).toBe('pause');
    expect(scripted.host.running).toEqual(['t-1']);
    attempt.returns(1);
    await scripted.pass();
    expect(isClosed()).toBe(false); // the store has no report yet
    task.isDone();
    await closed;
    expect(scripted.store.calls.at(-1)).toBe('close');
    expect(scripted.pool.calls).toEqual(['terminate']);
    expect(scripted.host.state).toBe('closed');
    expect(scripted.clock.holds).toBe(0);
    expect(scripted.clock.timers.size).toBe(0);
  });

  test('gives back what has not started, uncounted', async () => {
    const scripted = await scriptedHost();
    const waiting = scripted.take('t-1');
    const started = scripted.take('t-2');
    await scripted.pass();
    const [attempt] = scripted.pool.attempts as [ScriptedAttempt];
    attempt.hasStarted = false;
    void scripted.host.close();
    const late = scripted.take('t-3'); // it was on its way
    await scripted.pass();
    expect(waiting.report).toEqual({ kind: 'return' });
    expect(late.report).toEqual({ kind: 'return' });
    expect(started.report).toBeUndefined();
    expect(scripted.pool.attempts).toHaveLength(2);
  });

  test('after drainMs, kills: without retries the task is lost, why drained', async () => {
    const { scripted, task, attempt } = await running();
    const closed = scripted.host.close({ drainMs: 100 });
    await scripted.advance(99);
    expect(attempt.ends).toEqual([]);
    await scripted.advance(1);
    expect(attempt.ends).toEqual([['kill', 'its host was shut down']]);
    attempt.isCancelled();
    attempt.isReaped();
    await scripted.pass();
    expect(task.error).toMatchObject({ code: 'ERR_EVERPOOL_HOST_LOST', why: 'drained', host: 'h' });
    expect(task.outcome.attempts).toBe(1);
    task.isDone();
    await closed;
  });

  test('after drainMs, with retries.crash left, the task starts elsewhere, counted', async () => {
    const { scripted, task, attempt } = await running({ retries: { crash: 1, timeout: 0, error: 0 } });
    void scripted.host.close({ drainMs: 0 });
    await scripted.advance(1);
    attempt.isCancelled();
    attempt.isReaped();
    await scripted.pass();
    expect(task.report).toMatchObject({ kind: 'retry', data: { past: '1,0,0' } });
  });

  test('after drainMs, a task that somebody ended stays cancelled', async () => {
    const { scripted, task, attempt } = await running({ retries: { crash: 1, timeout: 0, error: 0 } });
    scripted.ends('t-1', 'cancel', 'enough');
    void scripted.host.close({ drainMs: 0 });
    await scripted.advance(1);
    attempt.isCancelled();
    attempt.isReaped();
    await scripted.pass();
    expect(task.outcome.kind).toBe('cancelled');
  });

  test('ends although the store takes no report, and does not disconnect', async () => {
    const { scripted, attempt } = await running();
    scripted.store.onClose = () => new Promise(() => undefined);
    const isClosed = isSettled(scripted.host.close({ drainMs: 100 }));
    await scripted.advance(100);
    attempt.isCancelled();
    attempt.isReaped();
    await scripted.advance(scripted.pool.ladderMs + 1000);
    expect(isClosed()).toBe(false);
    await scripted.advance(3000);
    expect(isClosed()).toBe(true);
    expect(scripted.host.state).toBe('closed');
  });

  test('a second call can only shorten it', async () => {
    const { scripted, attempt } = await running();
    const first = scripted.host.close({ drainMs: 1000 });
    expect(scripted.host.close({ drainMs: 5000 })).toBe(first);
    expect(scripted.host.close()).toBe(first);
    await scripted.advance(500);
    expect(scripted.host.close({ drainMs: 100 })).toBe(first);
    await scripted.advance(99);
    expect(attempt.ends).toEqual([]);
    await scripted.advance(1);
    expect(attempt.ends).toHaveLength(1);
    void scripted.host.close({ drainMs: 0 });
    expect(scripted.store.calls.filter((call) => call === 'pause')).toHaveLength(1);
  });

  test('a second call with a longer drainMs does not lengthen it', async () => {
    const { scripted, attempt } = await running();
    void scripted.host.close({ drainMs: 100 });
    void scripted.host.close({ drainMs: 5000 });
    await scripted.advance(100);
    expect(attempt.ends).toHaveLength(1);
  });

  test('is called by the signal, and by asyncDispose', async () => {
    const stop = new AbortController();
    const scripted = await scriptedHost({ signal: stop.signal });
    stop.abort();
    expect(scripted.host.state).toBe('draining');
    await scripted.host[Symbol.asyncDispose]();
    expect(scripted.host.state).toBe('closed');
    await scripted.host.close();
  });

  test('a wrong option is refused', async () => {
    const scripted = await scriptedHost();
    expect(() => scripted.host.close({ drainMs: -1 })).toThrow('drainMs: expected');
    expect(scripted.host.state).toBe('open');
  });

  test('follows the end of its pool', async () => {
    const scripted = await scriptedHost();
    scripted.pool.state = 'closing';
    const task = scripted.take('t-1');
    await scripted.pass();
    const [attempt] = scripted.pool.attempts as [ScriptedAttempt];
    attempt.hasStarted = false;
    attempt.isCancelled();
    await scripted.pass();
    expect(task.report).toEqual({ kind: 'return' });
    expect(scripted.host.state).toBe('draining');
  });
});

describe('events', () => {
  test('a listener that throws stops no other', async () => {
    const scripted = await scriptedHost();
    const heard: string[] = [];
    const bad = (): never => {
      throw new Error('on purpose');
    };
    const warned = new Promise((resolve) => process.once('warning', resolve));
    scripted.host.on('recovered', bad).on('recovered', () => heard.push('good'));
    scripted.store.listener.onRecovered();
    await scripted.pass();
    expect(heard).toEqual(['good']);
    expect(await warned).toMatchObject({ name: 'EverpoolListenerWarning' });
    scripted.host.off('recovered', bad);
  });

  test('of the store are passed on', async () => {
    const scripted = await scriptedHost();
    const error = new Error('away');
    scripted.store.listener.onError(error);
    scripted.store.listener.onRecovered();
    await scripted.pass();
    expect(scripted.events).toEqual([
      ['storeError', { error }],
      ['recovered', {}],
    ]);
  });

  test('unknown ones, and listeners that are no functions, are refused', async () => {
    const { host } = await scriptedHost();
    expect(() => host.on('taskLost' as never, () => undefined)).toThrow('event: expected one of taskTaken');
    expect(() => host.on('fenced', 1 as never)).toThrow('listener: expected a function');
  });
});
