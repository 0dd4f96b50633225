import { describe, expect, test } from 'vitest';
import { buildDeath, type DeathFacts, describeDeath, isHeapAbort } from '../../../../src/supervisor/lifecycle/death.js';

const facts: DeathFacts = {
  phase: 'task',
  requested: false,
  pid: 4711,
  exitCode: null,
  signal: null,
  uptimeMs: 12,
  stderrTail: '',
};
const HEAP = '<--- Last few GCs --->\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xb0 node\n';

function told(more: Partial<DeathFacts>): [string, string] {
  const death = buildDeath({ ...facts, ...more });
  return [death.cause, describeDeath(death)];
}

describe('death', () => {
  test.each<[string, Partial<DeathFacts>, string, string]>([
    ['A21, A22: an exit code', { exitCode: 3 }, 'exit', '(pid 4711) exited with code 3 while it ran a task'],
    [
      'A40, O13: exit code 0 without a reply is a death',
      { exitCode: 0 },
      'exit',
      '(pid 4711) exited with code 0 while it ran a task (without a reply: something called process.exit, or nothing was left to wait for)',
    ],
    ['A13: a signal', { signal: 'SIGSEGV' }, 'signal', '(pid 4711) was killed by SIGSEGV while it ran a task'],
    [
      'A37: a SIGKILL from elsewhere hints at the kernel',
      { signal: 'SIGKILL', phase: 'idle' },
      'signal',
      '(pid 4711) was killed by SIGKILL while it ran no task (nobody here sent it: perhaps the kernel, out of memory)',
    ],
    [
      'A29: by request',
      { signal: 'SIGKILL', requested: true },
      'signal',
      "(pid 4711) was killed by SIGKILL at the pool's request while it ran a task",
    ],
    [
      'boot: an await that never ends',
      { exitCode: 13, phase: 'boot' },
      'exit',
      '(pid 4711) exited with code 13 while it booted (an await that nothing could end: an unsettled top-level await)',
    ],
    [
      'G36: a boot timeout',
      { signal: 'SIGKILL', phase: 'boot', fault: 'boot-timeout' },
      'boot-timeout',
      '(pid 4711) was not ready within bootTimeoutMs, and was killed by SIGKILL while it booted',
    ],
    [
      'garbage on the channel',
      { signal: 'SIGKILL', fault: 'protocol', detail: 'no frame at byte 32' },
      'protocol',
      '(pid 4711) had a broken channel (no frame at byte 32), and was killed by SIGKILL while it ran a task',
    ],
    [
      'a closed channel',
      { signal: 'SIGKILL', fault: 'disconnect' },
      'disconnect',
      '(pid 4711) closed its channel, and was killed by SIGKILL while it ran a task',
    ],
    [
      'H02: no answer',
      { signal: 'SIGKILL', phase: 'idle', fault: 'unresponsive' },
      'unresponsive',
      '(pid 4711) stopped answering, and was killed by SIGKILL while it ran no task',
    ],
    [
      'over the limit of memory',
      { signal: 'SIGKILL', fault: 'memory' },
      'memory',
      '(pid 4711) passed limits.rssBytes, and was killed by SIGKILL while it ran a task',
    ],
    [
      'O13: V8 out of heap',
      { signal: 'SIGABRT', stderrTail: HEAP },
      'memory',
      '(pid 4711) ran out of V8 heap, and was killed by SIGABRT while it ran a task (limits.heapMb raises the limit of the heap)',
    ],
    ['O13: process.abort() is no lack of memory', { signal: 'SIGABRT' }, 'signal', '(pid 4711) was killed by SIGABRT while it ran a task'],
    [
      'G7: it outlived the ladder',
      { phase: 'stopping', requested: true },
      'unresponsive',
      "(pid 4711) did not end, though it was sent every signal of the kill ladder at the pool's request while it was leaving",
    ],
    [
      'O04: the binary is missing',
      { phase: 'boot', pid: undefined, spawnError: Object.assign(new Error('spawn node ENOENT'), { code: 'ENOENT' }) },
      'spawn',
      'could not be spawned: spawn node ENOENT (process.execPath or the folder of the option cwd does not exist)',
    ],
    [
      'O04: the code is named even if the message does not',
      { phase: 'boot', pid: undefined, spawnError: Object.assign(new Error('too big'), { code: 'E2BIG' }) },
      'spawn',
      'could not be spawned: E2BIG: too big (the options env, argv and execArgv, together with the environment of this process, are larger than the system takes)',
    ],
  ])('%s', (_title, more, cause, text) => {
    expect(told(more)).toEqual([cause, text]);
  });

  test('A09, A10: the facts are kept as they are', () => {
    expect(buildDeath({ ...facts, exitCode: 3, stderrTail: 'oh' })).toEqual({ ...facts, cause: 'exit', exitCode: 3, stderrTail: 'oh' });
    expect(Object.hasOwn(buildDeath(facts), 'detail')).toBe(false);
  });

  test.each([
    [{ exitCode: null, signal: 'SIGABRT' as const, stderrTail: HEAP }, true],
    [{ exitCode: 134, signal: null, stderrTail: HEAP }, true],
    [{ exitCode: null, signal: 'SIGTRAP' as const, stderrTail: '# Fatal process out of memory: Zone' }, true],
    [{ exitCode: null, signal: 'SIGKILL' as const, stderrTail: HEAP }, false],
    [{ exitCode: 1, signal: null, stderrTail: HEAP }, false],
    [{ exitCode: null, signal: 'SIGABRT' as const, stderrTail: 'FATAL ERROR: v8::FromJust Maybe value is Nothing' }, false],
  ])('a heap abort is an abort that says so: %o', (death, expected) => {
    expect(isHeapAbort(death)).toBe(expected);
  });
});
