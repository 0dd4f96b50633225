/** One taken task: what is reported of it. The store and the pool are played by the test. */
import { describe, expect, test } from 'vitest';
import { join } from '../../../../src/cluster/wire/outcome.js';
import { Seals } from '../../../../src/cluster/wire/seal.js';
import { type TaskData, withPast } from '../../../../src/cluster/wire/task.js';
import { decode } from '../../../../src/ipc/codec/codec.js';
import { PoolBrokenError, TaskTimeoutError, UnknownTaskError, WorkerDiedError } from '../../../../src/shared/errors.js';
import type { Death } from '../../../../src/shared/types.js';
import { type ScriptedAttempt, scriptedHost } from '../../../kit/scripted-host.js';

const died = () => new WorkerDiedError('it died', { death: {} as Death, taskId: 1, taskName: 'work', attempts: [] });
const timedOut = () => new TaskTimeoutError('too long', { kind: 'run', timeoutMs: 1 });

async function running(head = {}, taken = {}, options = {}) {
  const scripted = await scriptedHost(options);
  const task = scripted.take('t-1', head, taken);
  await scripted.pass();
  return { ...scripted, scripted, task, attempt: scripted.pool.attempts[0] as ScriptedAttempt, pass: () => scripted.pass() };
}

describe('a task', () => {
  test('that returns is completed with its value', async () => {
    const { attempt, task, pass, scripted } = await running();
    attempt.returns({ a: [1, 'ü'] });
    await pass();
    expect(task.kind).toBe('completed');
    expect(task.value).toEqual({ a: [1, 'ü'] });
    expect(task.outcome).toMatchObject({ kind: 'value', attempts: 1, ms: 5, host: 'h' });
    task.isDone();
    await pass();
    expect(scripted.events).toEqual([
      ['taskTaken', { id: 't-1', name: 'work', attempt: 1 }],
      ['taskGiven', { id: 't-1', outcome: 'succeeded', ms: 5 }],
    ]);
  });

  test('gets its arguments unread, its options, and the number of its attempt', async () => {
    const scripted = await scriptedHost();
    scripted.take(
      't-1',
      { name: 'f', tag: 'x', timeoutMs: 5, softTimeoutMs: 3, retries: { crash: 9, timeout: 0, error: 9 } },
      { silences: 2, failures: 1 },
      [1, new Map()],
    );
    await scripted.pass();
    const [attempt] = scripted.pool.attempts as [ScriptedAttempt];
    expect(attempt.name).toBe('f');
    expect(attempt.options).toEqual({ retries: 0, timeoutMs: 5, softTimeoutMs: 3, tag: 'x' });
    expect(attempt.more.firstAttempt).toBe(4);
    expect(decode(attempt.args.codec, attempt.args.body ?? '', attempt.args.attachments)).toEqual([1, new Map()]);
    expect(scripted.events).toEqual([['taskTaken', { id: 't-1', name: 'f', attempt: 4, tag: 'x' }]]);
  });

  test('that throws fails with what it threw', async () => {
    const { attempt, task, pass } = await running();
    attempt.throws(new RangeError('broken\0 on purpose'));
    await pass();
    expect(task.kind).toBe('failed');
    expect(task.outcome.kind).toBe('thrown');
    expect(task.error).toBeInstanceOf(RangeError);
    expect(task.error.message).toBe('broken\0 on purpose');
    expect((task.report as { reason: string }).reason.split('\n')[0]).toBe('task t-1 (work) threw');
  });

  test('whose worker dies fails with the error of the pool', async () => {
    const { attempt, task, pass } = await running();
    attempt.fails(died());
    await pass();
    expect(task.outcome.kind).toBe('error');
    expect(task.error['code']).toBe('ERR_EVERPOOL_WORKER_DIED');
  });
});

describe('what comes from the store', () => {
  test.each([
    ['no object', 'x'],
    ['nothing', undefined],
    ['an old format', { v: 0, head: '{}', args: 'j[]', seal: '' }],
    ['no head', { v: 1, args: 'j[]' }],
    ['a head that is no JSON', { v: 1, head: '{', args: 'j[]', seal: '' }],
    ['a wrong past', { v: 1, head: '{"name":"a","at":0,"retries":{}}', args: 'j[]', seal: '', past: 'x' }],
  ])('that is %s fails alone, and nothing starts', async (_what, data) => {
    const scripted = await scriptedHost();
    const bad = scripted.take('bad', {}, { data });
    const good = scripted.take('good');
    await scripted.pass();
    expect(bad.error['code']).toBe('ERR_EVERPOOL_OPTIONS');
    expect(scripted.pool.attempts).toHaveLength(1);
    expect(good.report).toBeUndefined();
  });

  test('that has arguments which are no encoded value fails', async () => {
    const scripted = await scriptedHost();
    const head = JSON.stringify({ name: 'a', at: 0, retries: {} });
    const task = scripted.take('t', {}, { data: { v: 1, head, args: '?', seal: '' } });
    await scripted.pass();
    expect(task.error).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', side: 'arguments' });
  });

  test('that is not sealed fails, if there is a secret', async () => {
    const scripted = await scriptedHost({ secret: 's' });
    const { seals } = scripted;
    Object.assign(scripted, { seals: new Seals(['other']) });
    const forged = scripted.take('t-1');
    Object.assign(scripted, { seals });
    await scripted.pass();
    expect(forged.error['code']).toBe('ERR_EVERPOOL_OPTIONS');
    expect(scripted.pool.attempts).toEqual([]);
  });

  test('that is larger than payloadLimit fails', async () => {
    const scripted = await scriptedHost({ payloadLimit: 50 });
    const task = scripted.take('t', {}, {}, ['x'.repeat(100)]);
    await scripted.pass();
    expect((task.report as { reason: string }).reason).toContain('its arguments take');
    expect(scripted.pool.attempts).toEqual([]);
  });
});

describe('a task that has behind it', () => {
  test('a silent host and no retries is lost, and does not start', async () => {
    const scripted = await scriptedHost();
    const task = scripted.take('t', {}, { silences: 1 });
    await scripted.pass();
    expect(task.error).toMatchObject({ code: 'ERR_EVERPOOL_HOST_LOST', why: 'silent' });
    expect(task.outcome).toMatchObject({ kind: 'error', attempts: 1 });
    expect(scripted.pool.attempts).toEqual([]);
  });

  test('its queueTimeoutMs does not start', async () => {
    const scripted = await scriptedHost();
    scripted.clock.time = 11;
    const task = scripted.take('t', { queueTimeoutMs: 10, at: 0 });
    await scripted.pass();
    expect(task.error).toMatchObject({ code: 'ERR_EVERPOOL_TIMEOUT', kind: 'queue', timeoutMs: 10 });
    expect(scripted.pool.attempts).toEqual([]);
  });
});

describe('a retry', () => {
  const retries = { crash: 1, timeout: 1, error: 1 };

  test.each([
    ['an error', (attempt: ScriptedAttempt) => attempt.throws(new Error('x')), '0,0,1'],
    ['a crash', (attempt: ScriptedAttempt) => attempt.fails(died()), '1,0,0'],
    ['a timeout', (attempt: ScriptedAttempt) => attempt.fails(timedOut()), '0,1,0'],
  ])('follows %s, counted in the task itself', async (_what, end, past) => {
    const { attempt, task, pass, scripted } = await running({ retries, delaysMs: [70] }, {}, { secret: 's' });
    end(attempt);
    await pass();
    expect(task.report).toMatchObject({ kind: 'retry', delayMs: 70, data: { past } });
    const { data } = task.report as { data: TaskData };
    expect(data.pastSeal).toBe(scripted.seals.sign('past', ['t-1', past]));
    task.isDone();
    await pass();
    expect(scripted.events.at(-1)).toEqual(['taskGiven', { id: 't-1', outcome: 'failed', ms: 5 }]);
  });

  test('does not follow the last failure', async () => {
    const scripted = await scriptedHost();
    const first = scripted.take('t', { retries });
    await scripted.pass();
    scripted.pool.attempts[0]?.throws(new Error('one'));
    const { data } = (await first.reported) as { data: TaskData };
    first.isDone();
    const second = scripted.take('t', {}, { data, failures: 1 });
    await scripted.pass();
    scripted.pool.attempts[1]?.throws(new Error('two'));
    await scripted.pass();
    expect(second.error.message).toBe('two');
    expect(second.outcome.attempts).toBe(2);
  });

  test('does not follow what another start cannot help', async () => {
    const { attempt, task, pass } = await running({ retries });
    attempt.hasStarted = false;
    attempt.fails(new UnknownTaskError('no such task', { taskName: '__proto__', exports: [] }));
    await pass();
    expect(task.error['code']).toBe('ERR_EVERPOOL_UNKNOWN_TASK');
  });

  test('cannot be had with a past that is not sealed', async () => {
    const scripted = await scriptedHost({ secret: 's' });
    const task = scripted.take('t', { retries });
    await scripted.pass();
    scripted.pool.attempts[0]?.throws(new Error('one'));
    const { data } = (await task.reported) as { data: TaskData };
    task.isDone();
    const forged = scripted.take('t', {}, { data: withPast('t', data, { crash: 0, timeout: 0, error: 0 }, new Seals(['x'])) });
    await scripted.pass();
    expect(forged.error['code']).toBe('ERR_EVERPOOL_OPTIONS');
  });
});

describe('a result', () => {
  test('over inlineLimit is in rows, written before the report', async () => {
    const { attempt, task, pass, store } = await running({}, { failures: 1 }, { inlineLimit: 10 });
    let write = (): void => undefined;
    store.onRows = () => new Promise((resolve) => (write = resolve));
    attempt.returns('x'.repeat(100));
    await pass();
    expect(task.report).toBeUndefined();
    write();
    await pass();
    const { text, pieces } = task.outcome;
    expect(text).toBeUndefined();
    expect(pieces).toMatchObject({ key: '2', count: 1 });
    expect(join(store.rows, pieces as NonNullable<typeof pieces>)).toContain('xxxx');
  });

  test('over payloadLimit is an error', async () => {
    const { attempt, task, pass } = await running({}, {}, { payloadLimit: 200 });
    attempt.returns('x'.repeat(300));
    await pass();
    expect(task.error).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', side: 'result' });
  });

  test('whose rows the store does not take is written again', async () => {
    const { attempt, task, scripted, pass, store } = await running({}, {}, { inlineLimit: 10 });
    let isAway = true;
    store.onRows = () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve());
    attempt.returns('x'.repeat(100));
    await pass();
    expect(task.report).toBeUndefined();
    isAway = false;
    await scripted.advance(1000);
    expect(task.kind).toBe('completed');
    expect(store.calls.filter((call) => call === 'rows')).toHaveLength(2);
  });

  test('whose rows the store refuses is an error', async () => {
    const { attempt, task, pass, store } = await running({}, {}, { inlineLimit: 10 });
    store.onRows = () => Promise.reject(new Error('refused'));
    attempt.returns('x'.repeat(100));
    await pass();
    expect(task.kind).toBe('failed');
    expect(task.error.message).toBe('refused');
  });

  test('whose lock is lost while its rows are written is given up', async () => {
    const { attempt, task, pass, store, scripted } = await running({}, {}, { inlineLimit: 10 });
    store.onRows = () => new Promise(() => undefined);
    attempt.returns('x'.repeat(100));
    await pass();
    store.listener.onLost(['t-1']);
    await pass();
    expect(task.kind).toBe('abandon');
    expect(scripted.events).toContainEqual(['taskGiven', { id: 't-1', outcome: 'fenced', ms: 5 }]);
  });
});

describe('progress', () => {
  test('is passed on if somebody wants it', async () => {
    const { attempt, store, pass } = await running({ wantsProgress: true });
    attempt.more.onProgress?.({ codec: 1, body: '1', attachments: [], bytes: 1 });
    attempt.more.onProgress?.({ codec: 1, body: '2', attachments: [], bytes: 1 });
    attempt.more.onProgress?.({ codec: 1, body: '3', attachments: [], bytes: 1 });
    store.progress[0]?.done.resolve();
    await pass();
    expect(store.progress.map(({ message }) => message)).toEqual(['[1,1,"j1",""]', '[1,2,"j3",""]']);
  });

  test('is not asked for otherwise', async () => {
    const { attempt } = await running();
    expect(attempt.more.onProgress).toBeUndefined();
  });
});

describe('a broken pool', () => {
  test('gives the task back, and the host takes none until it has recovered', async () => {
    const scripted = await scriptedHost();
    const { pool, store } = scripted;
    pool.refusal = new PoolBrokenError('broken', { death: {} as Death });
    pool.state = 'broken';
    const task = scripted.take('t');
    await scripted.pass();
    expect(task.report).toEqual({ kind: 'return' });
    expect(store.calls.at(-1)).toBe('pause');
    pool.state = 'open';
    pool.listeners.get('recovered')?.();
    expect(store.calls.at(-1)).toBe('resume');
    task.isDone();
    await scripted.pass();
    expect(scripted.events.at(-1)).toEqual(['taskGiven', { id: 't', outcome: 'returned', ms: 5 }]);
  });
});
