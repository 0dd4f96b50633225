import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { StreamSink, TaskStreamHandle } from '../../../../src/pool/handles/stream.js';
import { Task } from '../../../../src/pool/handles/task.js';
import { Scope, type ScopePool } from '../../../../src/pool/scope.js';
import { FakeCore } from '../../../kit/batch.js';

function refused(name: string, tag?: string): Task<never> {
  const task = Task.refused<never>(new Error('the pool is closed'), name, tag);
  task.catch(() => undefined);
  return task;
}

describe('console.log shows one line with state and figures of', () => {
  test('a task', () => {
    expect(inspect(refused('resize', 'a'))).toBe("Task 'resize' { failed, tag 'a' }");
    expect(inspect(Object.create(Task.prototype))).toBe('Task {}');
  });

  test('a stream', () => {
    const task = refused('count') as Task<never> & Task<void>;
    const stream = new TaskStreamHandle(task, new StreamSink());
    expect(inspect(stream)).toBe("TaskStream 'count' { failed, 0 values taken }");
    expect(inspect(Object.create(TaskStreamHandle.prototype))).toBe('TaskStream {}');
  });

  test('a batch, in each of its states', async () => {
    const core = new FakeCore();
    const batch = core.map(['a', 'b', 'c']);
    const head = `Batch ${batch.id} 'task' {`;
    expect(inspect(batch)).toBe(`${head} open, 0 of 3 items done, 0 failed }`);
    const failed = batch.catch(() => undefined);
    expect(inspect(batch)).toBe(`${head} open, 0 of 3 items done, 0 failed, awaited }`);
    const over = batch.cancel();
    expect(inspect(batch)).toMatch(/ \{ stopping, \d of 3 items done, \d failed, awaited \}$/);
    await over;
    await failed;
    expect(inspect(batch)).toBe(`${head} over, 3 of 3 items done, 3 failed, awaited }`);
    expect(inspect(Object.create(Object.getPrototypeOf(batch) as object))).toBe('Batch {}');
  });

  test('a scope', async () => {
    const pool = { run: refused } as unknown as ScopePool;
    const scope = new Scope(pool, { tag: 'request' }, (promise) => promise);
    expect(inspect(scope)).toBe("Scope { open, 0 members, tag 'request' }");
    void (scope as unknown as ScopePool).run('resize', []);
    expect(inspect(scope)).toBe("Scope { open, 1 member, tag 'request' }");
    await scope.kill();
    expect(inspect(scope)).toBe("Scope { ended, 0 members, tag 'request' }");
    expect(inspect(Object.create(Scope.prototype))).toBe('Scope {}');
  });
});
