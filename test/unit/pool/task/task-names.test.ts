import { describe, expect, test } from 'vitest';
import { decode } from '../../../../src/ipc/codec/codec.js';
import { encodedName, NameTable } from '../../../../src/pool/task/task-names.js';

describe('the names of tasks', () => {
  test('are numbered from 1 in the order in which they are first used', () => {
    const names = new NameTable();
    expect(['a', 'b', 'a', 'c', 'b'].map((name) => names.of(name).id)).toEqual([1, 2, 1, 3, 2]);
    expect([1, 2, 3].map((id) => names.at(id).name)).toEqual(['a', 'b', 'c']);
  });

  test('have one record each, which keeps their durations', () => {
    const names = new NameTable();
    names.of('a').meanMs = 5;
    names.of('b');
    expect(names.of('a').meanMs).toBe(5);
    expect(names.of('b').meanMs).toBeLessThan(0);
  });

  test('may be those of properties that every object has', () => {
    const names = new NameTable();
    expect(['constructor', '__proto__', 'toString'].map((name) => names.of(name).id)).toEqual([1, 2, 3]);
  });

  test('are sent to a worker by their number', () => {
    const names = new NameTable();
    names.of('resize');
    const { codec, body } = encodedName(names, 1);
    expect(decode(codec, Buffer.from(body as string), [])).toBe('resize');
  });
});

describe('functions given by their source', () => {
  test('are known by the source, and have no number', () => {
    const names = new NameTable();
    const one = names.ofSource('exec', '() => 1');
    expect([one.id, one.name]).toEqual([0, 'exec']);
    expect(names.ofSource('exec', '() => 1')).toBe(one);
    expect(names.ofSource('exec', '() => 2')).not.toBe(one);
    expect(names.of('exec').id).toBe(1);
  });

  test('are forgotten when there are too many: a program that makes up its sources takes no memory', () => {
    const names = new NameTable();
    const first = names.ofSource('exec', 'source 0');
    for (let index = 1; index < 500; index += 1) names.ofSource('exec', `source ${index}`);
    expect(names.ofSource('exec', 'source 0')).toBe(first);
    names.ofSource('exec', 'source 500');
    expect(names.ofSource('exec', 'source 0')).not.toBe(first);
  });
});
