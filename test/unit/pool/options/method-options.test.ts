import { describe, expect, test } from 'vitest';
import {
  checkArgs,
  checkCloseOptions,
  checkKillTasksOptions,
  checkKillWorkerOptions,
  checkName,
  checkRestartOptions,
  checkScopeOptions,
  checkTerminateOptions,
  checkWorkerId,
} from '../../../../src/pool/options/method-options.js';
import { OptionsError } from '../../../../src/shared/errors.js';

describe('options of the methods', () => {
  test('the defaults are those of the documentation', () => {
    expect(checkKillTasksOptions(undefined)).toEqual({ tag: undefined, queued: true, running: true, reason: undefined });
    expect(checkKillWorkerOptions(undefined)).toEqual({ signal: 'SIGKILL' });
    expect(checkCloseOptions(undefined)).toEqual({ cancelQueued: false, timeoutMs: undefined });
    expect(checkTerminateOptions(undefined)).toEqual({ graceMs: undefined });
    expect(checkRestartOptions(undefined)).toEqual({ rolling: true });
    expect(checkScopeOptions(undefined)).toEqual({ signal: undefined, tag: undefined });
    expect(checkArgs(undefined)).toEqual([]);
  });

  test('given options are kept', () => {
    const { signal } = new AbortController();
    expect(checkKillTasksOptions({ tag: '', queued: false, reason: 0 })).toEqual({ tag: '', queued: false, running: true, reason: 0 });
    expect(checkKillWorkerOptions({ signal: 'SIGTERM' })).toEqual({ signal: 'SIGTERM' });
    expect(checkCloseOptions({ cancelQueued: true, timeoutMs: 0 })).toEqual({ cancelQueued: true, timeoutMs: 0 });
    expect(checkCloseOptions({ timeoutMs: Number.POSITIVE_INFINITY }).timeoutMs).toBeUndefined();
    expect(checkTerminateOptions({ graceMs: 0 })).toEqual({ graceMs: 0 });
    expect(checkRestartOptions({ rolling: false })).toEqual({ rolling: false });
    expect(checkScopeOptions({ signal, tag: 's' })).toEqual({ signal, tag: 's' });
    expect(checkName('work')).toBe('work');
    expect(checkWorkerId(3)).toBe(3);
    const args = [1];
    expect(checkArgs(args)).toBe(args);
  });

  test.each<[() => unknown, string]>([
    [() => checkName(''), 'name: expected a non-empty string'],
    [() => checkName(Symbol('x')), 'name: expected'],
    [() => checkArgs('abc'), 'args: expected an array of arguments, got "abc" (string)'],
    [() => checkArgs(null), 'args: expected'],
    [() => checkArgs({ length: 1 }), 'args: expected'],
    [() => checkWorkerId(1.5), 'id: expected'],
    [() => checkWorkerId('1'), 'id: expected'],
    [() => checkKillTasksOptions({ tags: 'a' } as never), 'tags: unknown option; did you mean tag?'],
    [() => checkKillTasksOptions('a' as never), 'options: expected an object'],
    [() => checkKillTasksOptions({ tag: 1 } as never), 'tag: expected a string'],
    [() => checkKillWorkerOptions({ signal: 'KILL' } as never), 'signal: expected the name of a signal'],
    [() => checkKillWorkerOptions({ signal: 9 } as never), 'signal: expected'],
    [() => checkCloseOptions({ timeoutMs: -1 }), 'timeoutMs: expected'],
    [() => checkTerminateOptions({ graceMs: Number.POSITIVE_INFINITY }), 'graceMs: expected'],
    [() => checkRestartOptions({ rolling: 'yes' } as never), 'rolling: expected'],
    [() => checkScopeOptions({ signal: 1 } as never), 'signal: expected'],
  ])('%s is refused', (call, message) => {
    expect(call).toThrow(OptionsError);
    expect(call).toThrow(message);
  });
});
