import { describe, expect, test } from 'vitest';
import type { TaskFunction, WorkerPlatform } from '../../../src/worker/platform.js';
import { EXEC, TaskRegistry } from '../../../src/worker/task-registry.js';

function registryOf(): { registry: TaskRegistry; sources: string[] } {
  const sources: string[] = [];
  const compile = (source: string): TaskFunction => {
    sources.push(source);
    if (source === 'broken') throw new SyntaxError('broken');
    return () => source;
  };
  return { registry: new TaskRegistry({ compile } as unknown as WorkerPlatform), sources };
}

describe('the functions of a task module', () => {
  test('are found by the number of their name, whichever arrives first', () => {
    const { registry } = registryOf();
    const [add, sub] = [() => 1, () => 2];
    registry.define(1, 'add');
    expect(registry.byId(1)).toBeUndefined();
    registry.use({ add, sub });
    registry.define(2, 'sub');
    expect([registry.byId(1), registry.byId(2), registry.byId(3)]).toEqual([add, sub, undefined]);
  });

  test('are those that it exports; an export that is not a function is not a task', () => {
    const { registry } = registryOf();
    registry.define(1, 'version');
    registry.define(2, 'toString');
    registry.use({ version: 3, add: () => 1, default: () => 2 });
    expect(registry.exports).toEqual(['add', 'default']);
    expect([registry.byId(1), registry.byId(2)]).toEqual([undefined, undefined]);
  });

  test('of CommonJS count as members of the default export too, and may call each other by `this`', () => {
    const { registry } = registryOf();
    const whole = {
      one: () => 1,
      two(this: { one: () => number }): number {
        return this.one() + 1;
      },
    };
    registry.use({ default: whole, one: whole.one, 'module.exports': whole });
    registry.define(1, 'two');
    expect(registry.exports.sort()).toEqual(['one', 'two']);
    expect(registry.byId(1)?.()).toBe(2);
  });

  test('have a name for messages, also where it was never defined', () => {
    const { registry } = registryOf();
    registry.define(1, 'add');
    expect([registry.nameOf(1), registry.nameOf(7), registry.nameOf(EXEC)]).toEqual(['add', '#7', 'exec']);
  });

  test('take no memory for a number that bytes have made up', () => {
    const { registry } = registryOf();
    registry.define(0xffff_fffe, 'far');
    registry.use({ far: () => 'far' });
    expect(registry.byId(0xffff_fffe)?.()).toBe('far');
    expect(registry.byId(0xffff_ffff)).toBeUndefined();
  });
});

describe('functions given by their source', () => {
  test('are compiled once', () => {
    const { registry, sources } = registryOf();
    const fn = registry.compiled('a');
    expect(registry.compiled('a')).toBe(fn);
    expect(registry.compiled('b')).not.toBe(fn);
    expect(sources).toEqual(['a', 'b']);
  });

  test('that do not compile throw each time', () => {
    const { registry } = registryOf();
    for (let times = 0; times < 2; times += 1) expect(() => registry.compiled('broken')).toThrow(SyntaxError);
  });

  test('are forgotten from the oldest on when there are more than 500', () => {
    const { registry, sources } = registryOf();
    for (let index = 0; index <= 500; index += 1) registry.compiled(`source ${index}`);
    sources.length = 0;
    registry.compiled('source 500');
    registry.compiled('source 1');
    expect(sources).toEqual([]);
    registry.compiled('source 0');
    expect(sources).toEqual(['source 0']);
  });
});
