/** Tasks that are ended from elsewhere, and tasks whose lock is lost. */
import { describe, expect, test } from 'vitest';
import { Seals } from '../../../../src/cluster/wire/seal.js';
import { type ScriptedAttempt, scriptedHost } from '../../../kit/scripted-host.js';

async function running(head = {}, options = {}) {
  const scripted = await scriptedHost(options);
  const task = scripted.take('t-1', head);
  await scripted.pass();
  const [attempt] = scripted.pool.attempts as [ScriptedAttempt];
  return { scripted, task, attempt };
}

describe('an EndMessage', () => {
  test.each(['cancel', 'kill'] as const)('%s ends the task, and is reported when its process has ended (C7)', async (how) => {
    const { scripted, task, attempt } = await running();
    scripted.ends('t-1', how, { why: 'enough' });
    expect(attempt.ends).toEqual([[how, { why: 'enough' }]]);
    attempt.isCancelled();
    await scripted.pass();
    expect(task.report).toBeUndefined();
    attempt.isReaped();
    await scripted.pass();
    expect(task.outcome.kind).toBe('cancelled');
    expect(task.error).toMatchObject({ code: 'ERR_EVERPOOL_CANCELLED', reason: { why: 'enough' } });
    task.isDone();
    await scripted.pass();
    expect(scripted.events.at(-1)).toEqual(['taskGiven', { id: 't-1', outcome: 'cancelled', ms: 5 }]);
  });

  test('again may kill what was cancelled', async () => {
    const { scripted, attempt } = await running();
    scripted.ends('t-1', 'cancel', 'first');
    scripted.ends('t-1', 'kill', 'second');
    expect(attempt.ends).toEqual([
      ['cancel', 'first'],
      ['kill', 'second'],
    ]);
  });

  test('loses against a result that was there', async () => {
    const { scripted, task, attempt } = await running();
    scripted.ends('t-1');
    attempt.returns(1);
    attempt.isReaped();
    await scripted.pass();
    expect(task.value).toBe(1);
  });

  test('forbids the retry', async () => {
    const { scripted, task, attempt } = await running({ retries: { crash: 0, timeout: 0, error: 5 } });
    scripted.ends('t-1', 'cancel', 'enough');
    attempt.throws(new Error('x'));
    attempt.isReaped();
    await scripted.pass();
    expect(task.outcome.kind).toBe('cancelled');
    expect(task.error['reason']).toBe('enough');
  });

  test('for a task that has not started wins over a broken pool (C6)', async () => {
    const { scripted, task, attempt } = await running();
    attempt.hasStarted = false;
    scripted.ends('t-1');
    scripted.pool.state = 'broken';
    attempt.isCancelled();
    attempt.isReaped();
    await scripted.pass();
    expect(task.outcome).toMatchObject({ kind: 'cancelled', attempts: 0 });
  });

  test('of unknown tasks, without a seal, or hostile ends nothing', async () => {
    const { scripted, attempt } = await running({}, { secret: 's' });
    scripted.ends('t-2');
    scripted.ends('t-1', 'kill', undefined, new Seals([]));
    scripted.ends('t-1', 'kill', undefined, new Seals(['other']));
    for (const message of [undefined, null, 1, {}, '', '{', '[]', '["t-1"]', '["t-1","kill",5]', 'x'.repeat(1_000_000)]) {
      scripted.store.listener.onEnd(message);
    }
    expect(attempt.ends).toEqual([]);
  });

  test.each(['?', 'v/////w==', 'c:::', 'j{', `j"${'x'.repeat(70_000)}"`])(
    'with a reason that cannot be read ends the task without it',
    async (reason) => {
      const { scripted, attempt } = await running();
      scripted.store.listener.onEnd(JSON.stringify(['t-1', 'kill', reason, '']));
      expect(attempt.ends).toEqual([['kill', undefined]]);
    },
  );
});

describe('the fence', () => {
  test('kills a task whose lock was not renewed, and reports nothing (C8)', async () => {
    const { scripted, task, attempt } = await running({}, { lockMs: 1000 });
    await scripted.advance(899);
    expect(attempt.ends).toEqual([]);
    await scripted.advance(1);
    expect(attempt.ends).toEqual([['at once', undefined]]);
    expect(scripted.events.at(-1)).toEqual(['fenced', { ids: ['t-1'] }]);
    attempt.returns('late');
    await scripted.pass();
    expect(task.report).toEqual({ kind: 'abandon' });
    expect(scripted.events.at(-1)).toEqual(['taskGiven', { id: 't-1', outcome: 'fenced', ms: 5 }]);
    expect(scripted.host.running).toEqual([]);
  });

  test('follows the renewals that the store has confirmed', async () => {
    const { scripted, attempt } = await running({}, { lockMs: 1000 });
    await scripted.advance(800);
    scripted.store.listener.onRenewed(['t-1', 'unknown'], 500);
    await scripted.advance(599);
    expect(attempt.ends).toEqual([]);
    await scripted.advance(1);
    expect(attempt.ends).toHaveLength(1);
  });

  test('kills at once what the store has given to another host', async () => {
    const { scripted, attempt } = await running();
    const other = scripted.take('t-2');
    await scripted.pass();
    scripted.store.listener.onLost(['t-1', 'unknown']);
    await scripted.pass();
    expect(attempt.ends).toEqual([['at once', undefined]]);
    expect(scripted.pool.attempts[1]?.ends).toEqual([]);
    expect(scripted.events.at(-1)).toEqual(['fenced', { ids: ['t-1'] }]);
    expect(other.report).toBeUndefined();
  });

  test('reports several tasks in one event', async () => {
    const { scripted } = await running({}, { lockMs: 1000 });
    scripted.take('t-2');
    await scripted.pass();
    await scripted.advance(900);
    expect(scripted.events.filter(([event]) => event === 'fenced')).toEqual([['fenced', { ids: ['t-1', 't-2'] }]]);
  });

  test('comes before a result that arrives first after a freeze (C4)', async () => {
    const { scripted, task, attempt } = await running({}, { lockMs: 1000 });
    scripted.clock.time = 5000; // the timers are late
    attempt.returns('late');
    await scripted.pass();
    expect(task.report).toEqual({ kind: 'abandon' });
  });

  test('does not touch a task that has been reported', async () => {
    const { scripted, task, attempt } = await running({}, { lockMs: 1000 });
    attempt.returns(1);
    await scripted.pass();
    await scripted.advance(5000);
    scripted.store.listener.onLost(['t-1']);
    task.isDone(false);
    await scripted.pass();
    expect(attempt.ends).toEqual([]);
    expect(scripted.events.slice(1)).toEqual([['taskGiven', { id: 't-1', outcome: 'fenced', ms: 5 }]]);
  });

  test('a task that comes back while it is killed starts only when nothing runs it', async () => {
    const { scripted, task, attempt } = await running({ retries: { crash: 1, timeout: 0, error: 0 } });
    scripted.store.listener.onLost(['t-1']);
    const again = scripted.take('t-1', { retries: { crash: 1, timeout: 0, error: 0 } }, { silences: 1 });
    await scripted.pass();
    expect(scripted.pool.attempts).toHaveLength(1);
    attempt.isCancelled();
    await scripted.pass();
    expect(task.report).toEqual({ kind: 'abandon' });
    expect(scripted.pool.attempts).toHaveLength(2);
    scripted.pool.attempts[1]?.returns(2);
    await scripted.pass();
    expect(again.value).toBe(2);
    expect(again.outcome.attempts).toBe(2);
  });
});
