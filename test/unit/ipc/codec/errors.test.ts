import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../../../src/ipc/codec/codec.js';
import { isLong } from '../../../kit/long.js';

function sent<T>(value: T): T {
  const { codec, body, attachments } = encode(value);
  return decode(codec, Buffer.from((body ?? '') as string), [...attachments]) as T;
}

class HttpError extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

class Named extends RangeError {
  override name = 'Renamed';
}

class Prototyped extends Error {}
Prototyped.prototype.name = 'FromPrototype';

function OldStyle(this: Error, message: string): void {
  this.message = message;
}
OldStyle.prototype = Object.create(Error.prototype, { constructor: { value: OldStyle } }) as object;

function circular(): Error {
  const error = new Error('round');
  const other = new TypeError('and round', { cause: error });
  return Object.assign(error, { cause: other, list: [error, { other }], map: new Map([[error, other]]) });
}

describe('an error keeps its class', () => {
  it.each([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError])('%s', (Native) => {
    const error = new Native('message');
    const arrived = sent(error);
    expect(Object.getPrototypeOf(arrived)).toBe(Native.prototype);
    expect(arrived).toMatchObject({ name: Native.name, message: 'message', stack: error.stack });
    expect(Object.getOwnPropertyNames(arrived).sort()).toEqual(['message', 'stack']);
    expect(Object.keys(arrived)).toEqual([]);
  });

  it.each<[string, Error, new (...args: never) => Error, string]>([
    ['a class of the user', new HttpError('m', 404), Error, 'HttpError'],
    ['a subclass that sets its name', new Named('m'), RangeError, 'Renamed'],
    ['a name on the prototype', new Prototyped('m'), Error, 'FromPrototype'],
    ['a class without a name', new (class extends TypeError {})('m'), TypeError, 'TypeError'],
    ['a constructor function', new (OldStyle as unknown as new (m: string) => Error)('m'), Error, 'OldStyle'],
    ['an error of another realm', vm.runInNewContext('new TypeError("m")') as Error, TypeError, 'TypeError'],
  ])('%s', (_, error, Native, name) => {
    const arrived = sent(error);
    expect(Object.getPrototypeOf(arrived)).toBe(Native.prototype);
    expect(arrived).toMatchObject({ name, message: 'm' });
  });

  it("not under the internal name of Node's own classes", () => {
    let thrown: unknown;
    try {
      Buffer.alloc(-1);
    } catch (error) {
      thrown = error;
    }
    expect(sent(thrown)).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
    expect(sent(thrown)).toBeInstanceOf(RangeError);
  });

  it('AggregateError, with its errors', () => {
    const arrived = sent(new AggregateError([new TypeError('one'), 2, undefined], 'all'));
    expect(arrived).toBeInstanceOf(AggregateError);
    expect(arrived.message).toBe('all');
    expect(arrived.errors).toHaveLength(3);
    expect(arrived.errors[0]).toBeInstanceOf(TypeError);
    expect(arrived.errors.slice(1)).toEqual([2, undefined]);
    expect(Object.keys(arrived)).toEqual([]);
    expect(Object.hasOwn(sent(new AggregateError([], undefined)), 'message')).toBe(false);
  });

  it('DOMException', () => {
    const reason = AbortSignal.abort().reason as DOMException;
    expect(sent(reason)).toBeInstanceOf(DOMException);
    expect(sent(reason)).toBeInstanceOf(Error);
    expect(sent(reason)).toMatchObject({ name: 'AbortError', code: 20, message: reason.message, stack: reason.stack });
    const odd = new DOMException('é\ud800😀', 'DataCloneError');
    expect(sent([odd, odd])).toMatchObject([{ message: odd.message, name: 'DataCloneError', code: 25 }, {}]);
  });

  it('anywhere in a value', () => {
    const error = Object.assign(new TypeError('here'), { code: 'E_HERE' });
    const value = { list: [error], map: new Map<unknown, unknown>([[error, error]]), set: new Set([error]), again: error };
    const arrived = sent(value);
    const [first] = arrived.list;
    expect(first).toBeInstanceOf(TypeError);
    expect(first).toMatchObject({ code: 'E_HERE', stack: error.stack });
    expect(arrived.map.get(first)).toBe(first);
    expect(arrived.set.has(first as TypeError & { code: string })).toBe(true);
    expect(arrived.again).toBe(first);
  });
});

describe('an error keeps what it holds', () => {
  it('own properties, whatever they are', () => {
    const buffer = Buffer.from('bytes');
    const date = new Date(5);
    const error = Object.assign(new HttpError('m', 500), {
      code: 'E',
      date,
      buffer,
      deep: { u: undefined, n: -0 },
      inner: new Error('in'),
    });
    const arrived = sent(error);
    expect(arrived).toMatchObject({ status: 500, code: 'E', date, buffer, deep: { u: undefined, n: -0 } });
    expect(arrived.inner).toBeInstanceOf(Error);
    expect(Object.keys(arrived).sort()).toEqual(Object.keys(error).sort());
  });

  it('a code that is hidden, or that its class gives', () => {
    const hidden = Object.defineProperty(new Error('m'), 'code', { value: 'E_HIDDEN' });
    class Coded extends Error {
      get code(): string {
        return 'E_CLASS';
      }
    }
    expect(Object.getOwnPropertyDescriptor(sent(hidden), 'code')).toMatchObject({ value: 'E_HIDDEN', enumerable: false });
    expect(sent(new Coded('m'))).toMatchObject({ code: 'E_CLASS' });
  });

  it('its cause, also when that is undefined', () => {
    expect(sent(new Error('m', { cause: { a: 1 } })).cause).toEqual({ a: 1 });
    expect(Object.getOwnPropertyDescriptor(sent(new Error('m', { cause: undefined })), 'cause')).toMatchObject({ enumerable: false });
    expect(Object.hasOwn(sent(new Error('m')), 'cause')).toBe(false);
    const chain = sent(new Error('a', { cause: new TypeError('b', { cause: new HttpError('c', 1) }) }));
    expect((chain.cause as Error).cause).toMatchObject({ name: 'HttpError', message: 'c', status: 1 });
  });

  it('its stack: its own, never that of the arrival', () => {
    const error = new Error('m');
    error.stack = 'a stack of its own';
    expect(sent(error).stack).toBe('a stack of its own');
    for (const stack of [undefined, 5, {}]) expect(sent(Object.assign(new Error('m'), { stack })).stack).toBeUndefined();
    const limit = Error.stackTraceLimit;
    sent(error);
    expect(Error.stackTraceLimit).toBe(limit);
  });

  it('its message, even if there is none or it is not text', () => {
    expect(Object.hasOwn(sent(new Error(undefined)), 'message')).toBe(false);
    expect(sent(Object.assign(new Error('m'), { message: { not: 'a string' } })).message).toEqual({ not: 'a string' });
    expect(sent(new Error('\ud800 \0 é')).message).toBe('\ud800 \0 é');
  });

  it('cycles, through cause, properties, Maps and errors', () => {
    const arrived = sent(circular() as Error & { list: [Error, { other: Error }]; map: Map<Error, Error> });
    const other = arrived.cause as Error;
    expect(other.cause).toBe(arrived);
    expect(arrived.list).toEqual([arrived, { other }]);
    expect(arrived.list[1].other).toBe(other);
    expect(arrived.map.get(arrived)).toBe(other);
    const aggregate = new AggregateError([], 'm');
    aggregate.errors.push(aggregate);
    const own = sent(aggregate);
    expect(own.errors[0]).toBe(own);
  });

  it('even if it is frozen', () => {
    const error = Object.freeze(Object.assign(new HttpError('m', 1), { cause: Object.freeze(new TypeError('c')) }));
    expect(sent(error)).toMatchObject({ name: 'HttpError', status: 1, cause: { message: 'c' } });
  });

  it('an own property called __proto__', () => {
    const error = new Error('m');
    Object.defineProperty(error, '__proto__', { value: { polluted: true }, enumerable: true });
    const arrived = sent(error);
    expect(Object.getPrototypeOf(arrived)).toBe(Error.prototype);
    expect(Object.getOwnPropertyDescriptor(arrived, '__proto__')?.value).toEqual({ polluted: true });
  });
});

describe('what cannot be sent does not cost the error', () => {
  it('a property is dropped, with everything that hung on it', () => {
    const good = { a: 1 };
    const bad = { good, save: () => 1 };
    const error = Object.assign(new Error('m'), { bad, symbol: Symbol('s'), promise: Promise.resolve(), good, proxy: new Proxy({}, {}) });
    const arrived = sent(error);
    expect(Object.keys(arrived)).toEqual(['good']);
    expect(arrived.good).toEqual(good);
  });

  it('outside the error, the same object is refused', () => {
    const bad = { inner: new Error('in'), buffer: Buffer.from('x'), save: () => 1 };
    expect(() => encode([Object.assign(new Error('m'), { bad }), bad], 'args')).toThrow('args[1].save: ');
    expect(() => encode([{ bad }], 'args')).toThrow('args[0].bad.save: ');
  });

  it('a cause is described', () => {
    expect(sent(new Error('m', { cause: setTimeout })).cause).toBe('a function (setTimeout)');
    expect(sent(new Error('m', { cause: Symbol('why') })).cause).toBe('the symbol Symbol(why)');
  });

  it('of the errors of an AggregateError, only the unsendable one is described', () => {
    const [one, other] = sent(new AggregateError([new TypeError('fine'), new WeakMap()], 'm')).errors;
    expect(one).toBeInstanceOf(TypeError);
    expect(other).toBe('a WeakMap');
  });

  it('a getter that throws is left out', () => {
    const error = new Error('m');
    for (const key of ['stack', 'name', 'cause', 'code', 'extra', 'message', 'constructor']) {
      const get = (): never => {
        throw new Error(key);
      };
      Object.defineProperty(error, key, { enumerable: true, get });
    }
    const arrived = sent({ error, fine: 1 });
    expect(arrived).toMatchObject({ error: expect.any(Error), fine: 1 });
    expect(Object.keys(arrived.error)).not.toContain('extra');
  });

  it('nor does an abyss of causes, or one in a property', () => {
    const levels = isLong ? 100_000 : 15_000;
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 1; // a stack costs more than the rest
    let chain = new Error('innermost');
    for (let i = 0; i < levels; i++) chain = new Error('outer', { cause: chain });
    Error.stackTraceLimit = stackTraceLimit;
    const arrived = sent(chain);
    expect(arrived.message).toBe('outer');
    expect((arrived.cause as Error).message).toBe('outer');
    let abyss: unknown = 1;
    for (let i = 0; i < levels; i++) abyss = [abyss];
    expect(Object.keys(sent(Object.assign(new Error('m'), { abyss, kept: 1 })))).toEqual(['kept']);
  });
});
