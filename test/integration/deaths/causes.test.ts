/** A worker dies while a task runs: the error of that task says how, and the pool goes on. */
import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as ManyWays from '../../fixtures/ends-in-many-ways.js';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newGate, newPool, rejection, useKit } from '../../kit/pools.js';

describe('the death of a worker', () => {
  useKit();

  test.each([
    ['signalSelf', ['SIGSEGV'], null, 'SIGSEGV'],
    ['exit', [1], 1, null],
    ['signalSelf', ['SIGTERM'], null, 'SIGTERM'],
    ['exit', [42], 42, null],
    ['exit', [0], 0, null],
    ['exit', [123], 123, null],
  ] as const)('%s%j in a task rejects that task alone, with the exit code or the signal', async (name, args, exitCode, signal) => {
    const pool = newPool();
    const error = await rejection(pool.run(name, args as never));
    expect(error).toBeInstanceOf(WorkerDiedError);
    expect(error).toMatchObject({
      code: 'ERR_EVERPOOL_WORKER_DIED',
      taskName: name,
      death: { exitCode, signal, phase: 'task', requested: false },
    });
    expect(error.message).toContain(exitCode === null ? String(signal) : `code ${exitCode}`);
    expect(error['attempts']).toHaveLength(1);
    await expectUsable(pool);
  });

  test.each([
    ['process.exit(3)', 'exit', [3], { exitCode: 3 }],
    ['process.abort()', 'abort', [], { signal: 'SIGABRT' }],
    ['an uncaught exception', 'uncaught', [], { exitCode: 1 }],
    ['an unhandled rejection', 'unhandled', [], { exitCode: 1 }],
    ['an exhausted heap', 'exhaustHeap', [], { cause: 'memory' }],
  ] as const)('%s in a task rejects it with its own death, and the pool goes on', async (_what, name, args, death) => {
    const pool = newPool({ module: fixture('ways-to-die.js'), execArgv: ['--max-old-space-size=64'] });
    const error = await rejection(pool.run(name as never, args as never));
    expect(error).toBeInstanceOf(WorkerDiedError);
    expect(error).toMatchObject({ death: { phase: 'task', requested: false, ...death } });
    if (name === 'uncaught' || name === 'unhandled') expect(error.message).toContain('nobody catches');
    expect(await pool.run('noop' as never)).toBe(1);
  });

  test('SIGSEGV, from the task itself or from outside while it spins, is named in the error with the pid', async () => {
    const pool = newPool();
    const gate = newGate();
    const other = pool.run('untilFile', [gate.file, 'unharmed']);
    await other.started;
    const own = await rejection(pool.run('signalSelf', ['SIGSEGV']));
    const spinning = pool.run('spinForever');
    const { pid, workerId } = await spinning.started;
    process.kill(pid, 'SIGSEGV');
    const sent = await rejection(spinning);
    for (const error of [own, sent]) {
      expect(error).toBeInstanceOf(WorkerDiedError);
      expect(error).toMatchObject({ death: { cause: 'signal', signal: 'SIGSEGV', exitCode: null, phase: 'task', requested: false } });
      expect(error.message).toContain('SIGSEGV');
    }
    expect(sent['death']).toMatchObject({ pid });
    expect(sent.message).toContain(String(pid));
    expect(sent['attempts']).toMatchObject([{ number: 1, pid, workerId, outcome: 'orphaned' }]);
    expect(isRunning(pid)).toBe(false);
    gate.open();
    expect(await other).toBe('unharmed');
    expect(other.attempts).toHaveLength(1);
    expect(pool.stats().deaths).toBe(2);
    await expectUsable(pool);
  });

  test('the error names the pid and the exit code', async () => {
    const pool = newPool({ size: 1 });
    const pid = await pool.run('pid');
    const error = await rejection(pool.run('exit', [99]));
    expect(error.message).toContain(String(pid));
    expect(error.message).toContain('99');
    expect(error['death']).toMatchObject({ pid, exitCode: 99 });
  });

  test('SIGKILL from outside is named, with a hint at memory', async () => {
    const pool = newPool();
    const task = pool.run('never');
    const { pid } = await task.started;
    process.kill(pid, 'SIGKILL');
    const error = await rejection(task);
    expect(error).toMatchObject({ death: { signal: 'SIGKILL', requested: false, pid } });
    expect(error.message).toMatch(/memory/);
    await expectUsable(pool);
  });

  test('exit(0) in a task is one attempt and one death, and retries start it again', async () => {
    const pool = newPool<typeof ManyWays>({ module: fixture('ends-in-many-ways.js') });
    const file = `${newFolder()}/marks`;
    const order = { file, line: 'started', how: 'exit', code: 0 };
    const task = pool.run('act', [order], { retries: 0 });
    expect(await rejection(task)).toMatchObject({
      code: 'ERR_EVERPOOL_WORKER_DIED',
      death: { cause: 'exit', exitCode: 0, signal: null, phase: 'task', requested: false },
      attempts: [{ number: 1, outcome: 'orphaned' }],
    });
    expect(task.attempts).toHaveLength(1);
    expect(pool.stats()).toMatchObject({ submitted: 1, failed: 1, retried: 0, deaths: 1 });
    expect(linesOf(file)).toHaveLength(1);

    const allowed = pool.run('act', [order], { retries: 2 });
    expect(await rejection(allowed)).toMatchObject({ attempts: [{ number: 1 }, { number: 2 }, { number: 3 }] });
    expect(pool.stats()).toMatchObject({ submitted: 2, failed: 2, retried: 2, deaths: 4 });
    await expectUsable(pool as never);
    expect(linesOf(file)).toEqual(['started 1', 'started 1', 'started 2', 'started 3']);
  });

  test('kill() by the program rejects with TaskCancelledError, not with WorkerDiedError', async () => {
    const pool = newPool();
    const task = pool.run('spinForever');
    await task.started;
    await task.kill();
    expect(await rejection(task)).toMatchObject({ code: 'ERR_EVERPOOL_CANCELLED', forced: true });
    await expectUsable(pool);
  });

  test('garbage on the channel is a protocol death of that worker alone, a closed channel a disconnect', async () => {
    const pool = newPool({ module: fixture('ways-to-die.js') });
    expect(await rejection(pool.run('garbage' as never))).toMatchObject({ death: { cause: 'protocol' } });
    expect(await rejection(pool.run('closeChannel' as never))).toMatchObject({ death: { cause: 'disconnect' } });
    expect(await pool.run('noop' as never)).toBe(1);
  });
});
