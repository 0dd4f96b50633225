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

function described(more: Partial<DeathFacts>): [string, string] {
  const death = buildDeath({ ...facts, ...more });
  return [death.cause, describeDeath(death)];
}

describe('death', () => {
  test.each<[string, Partial<DeathFacts>, string, string]>([
    ['an exit code', { exitCode: 3 }, 'exit', '(pid 4711) exited with code 3 while running a task'],
    [
      'exit code 0 without a reply is a death',
      { exitCode: 0 },
      'exit',
      '(pid 4711) exited with code 0 while running a task (without a reply: something called process.exit(), or the event loop was empty)',
    ],
    ['a signal', { signal: 'SIGSEGV' }, 'signal', '(pid 4711) was killed by SIGSEGV while running a task'],
    [
      'a SIGKILL from elsewhere hints at the kernel',
      { signal: 'SIGKILL', phase: 'idle' },
      'signal',
      "(pid 4711) was killed by SIGKILL while idle (not sent by the pool; possibly the kernel's out-of-memory killer)",
    ],
    [
      'by request',
      { signal: 'SIGKILL', requested: true },
      'signal',
      "(pid 4711) was killed by SIGKILL at the pool's request while running a task",
    ],
    [
      'boot: an await that never ends',
      { exitCode: 13, phase: 'boot' },
      'exit',
      '(pid 4711) exited with code 13 while booting (a top-level await that never settled)',
    ],
    [
      'a boot timeout',
      { signal: 'SIGKILL', phase: 'boot', fault: 'boot-timeout' },
      'boot-timeout',
      '(pid 4711) was not ready within bootTimeoutMs and was killed by SIGKILL while booting',
    ],
    [
      'garbage on the channel',
      { signal: 'SIGKILL', fault: 'protocol', detail: 'no frame at byte 32' },
      'protocol',
      '(pid 4711) broke the protocol of its channel (no frame at byte 32) and was killed by SIGKILL while running a task',
    ],
    [
      'a closed channel',
      { signal: 'SIGKILL', fault: 'disconnect' },
      'disconnect',
      '(pid 4711) closed its channel and was killed by SIGKILL while running a task',
    ],
    [
      'no answer',
      { signal: 'SIGKILL', phase: 'idle', fault: 'unresponsive' },
      'unresponsive',
      '(pid 4711) stopped answering and was killed by SIGKILL while idle',
    ],
    [
      'over the limit of memory',
      { signal: 'SIGKILL', fault: 'memory' },
      'memory',
      '(pid 4711) exceeded limits.rssBytes and was killed by SIGKILL while running a task',
    ],
    [
      'V8 out of heap',
      { signal: 'SIGABRT', stderrTail: HEAP },
      'memory',
      '(pid 4711) ran out of V8 heap and was killed by SIGABRT while running a task (limits.heapMb raises the heap limit)',
    ],
    ['process.abort() is not a lack of memory', { signal: 'SIGABRT' }, 'signal', '(pid 4711) was killed by SIGABRT while running a task'],
    [
      'G7: it outlived the ladder',
      { phase: 'stopping', requested: true },
      'unresponsive',
      "(pid 4711) outlived every signal sent by the kill ladder at the pool's request while shutting down",
    ],
    [
      'the binary is missing',
      { phase: 'boot', pid: undefined, spawnError: Object.assign(new Error('spawn node ENOENT'), { code: 'ENOENT' }) },
      'spawn',
      'could not be spawned: spawn node ENOENT (execPath or the folder in cwd does not exist)',
    ],
    [
      'the code is named even if the message does not',
      { phase: 'boot', pid: undefined, spawnError: Object.assign(new Error('too big'), { code: 'E2BIG' }) },
      'spawn',
      "could not be spawned: E2BIG: too big (the options env, argv and execArgv and this process's environment together exceed the system's limit)",
    ],
  ])('%s', (_title, more, cause, text) => {
    expect(described(more)).toEqual([cause, text]);
  });

  test('the facts are kept as they are', () => {
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
