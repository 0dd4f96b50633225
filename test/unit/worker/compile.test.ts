import { describe, expect, it } from 'vitest';
import { compile } from '../../../src/worker/compile.js';

const methods = {
  plain(a: number): number {
    return a + 1;
  },
  async later(a: number): Promise<number> {
    return a + 1;
  },
  *items(a: number): Generator<number> {
    yield a + 1;
  },
  'quoted name'(a: number): number {
    return a + 1;
  },
  get(a: number): number {
    return a + 1;
  },
  [Symbol.iterator](a: number): number {
    return a + 1;
  },
};

describe('compile', () => {
  it.each([
    ['an arrow', '(a) => a + 1'],
    ['an arrow without parentheses', 'a => a + 1'],
    ['an arrow with a body', '(a) => { return a + 1 }'],
    ['a function', 'function (a) { return a + 1 }'],
    ['a named function', 'function add(a) { return a + 1 }'],
    ['a source that ends in a comment', '(a) => a + 1 // more'],
    ['a shorthand method', 'add(a) { return a + 1 }'],
    ['a method called get', methods.get.toString()],
    ['a method called async', 'async(a) { return a + 1 }'],
    ['a method with a quoted name', methods['quoted name'].toString()],
    ['a method with a computed name', '[Symbol.iterator](a) { return a + 1 }'],
    ['what only sloppy code may hold', 'function (a) { var let_ = 010; return a + let_ - 7 }'],
  ])('makes a function of %s', (_what, source) => {
    expect(compile(source)(1)).toBe(2);
  });

  it.each([
    ['an async arrow', 'async (a) => a + 1'],
    ['an async function', 'async function (a) { return a + 1 }'],
    ['an async method', 'async add(a) { return a + 1 }'],
  ])('makes a function of %s', async (_what, source) => {
    await expect(compile(source)(1)).resolves.toBe(2);
  });

  it('makes generators', async () => {
    expect([...(compile('function* (a) { yield a + 1 }')(1) as Iterable<number>)]).toEqual([2]);
    expect([...(compile('*items(a) { yield a + 1 }')(1) as Iterable<number>)]).toEqual([2]);
    const iterator = compile('async *items(a) { yield a + 1 }')(1) as AsyncGenerator<number>;
    expect(await iterator.next()).toEqual({ value: 2, done: false });
  });

  it('provides the helper to which compilers refer', () => {
    const fn = compile('() => { const inner = /* @__PURE__ */ __name(() => 1, "inner"); return inner.name }');
    expect(fn()).toBe('inner');
  });

  it('is strict where the source allows it', () => {
    expect(compile('function () { return this }')()).toBe(undefined);
  });

  it('throws the SyntaxError of the source as it stands', () => {
    expect(() => compile('(a) => a +')).toThrow(SyntaxError);
  });

  it('says why a bound or built-in function cannot be sent', () => {
    expect(() => compile(parseInt.toString())).toThrow(/bound or built-in/);
    expect(() => compile((() => 1).bind(null).toString())).toThrow(/bound or built-in/);
  });

  it('refuses anything that is not a function', () => {
    expect(() => compile('42')).toThrow(TypeError);
    expect(() => compile('get x() { return 1 }')).toThrow(TypeError);
  });
});
